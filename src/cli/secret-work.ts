import type { Context } from './context.ts';

/** What `rookery secrets` works on. */
export interface SecretWork extends Context {
  /** Absolute. */
  readonly files: readonly string[];
  /** Whom values are encrypted for. */
  readonly recipients: () => Promise<readonly string[]>;
  /** Our own keys. */
  readonly identities: () => Promise<readonly string[]>;
}
