interface ReceiveOptions {
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly connectionsCheckingInterval: number;
}

/** How long a client may take to say what it wants. Node looks every 30 s by itself, and so long a slow one would hold on. */
export const receiveWithin = (timeoutMs: number): ReceiveOptions => ({
  headersTimeout: timeoutMs,
  requestTimeout: timeoutMs,
  connectionsCheckingInterval: timeoutMs / 2,
});
