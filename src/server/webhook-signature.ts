import { createHash, createHmac, type Hmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Decides about a request by its headers and, while it comes in, its body; the body itself is never kept. */
export interface SignatureCheck {
  update(chunk: Uint8Array): void;
  isGood(): boolean;
}

export interface SignatureInput {
  readonly headers: IncomingHttpHeaders;
  readonly secret: string;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

/** GitHub's header, which Gitea and Forgejo send too; Gitea's own; GitLab's signature, and its older shared token. */
export function signatureCheck(input: SignatureInput): SignatureCheck | undefined {
  const { headers, secret } = input;
  const github = /^sha256=([0-9a-f]{64})$/i.exec(text(headers['x-hub-signature-256']))?.[1];
  if (github !== undefined) return hmacCheck(createHmac('sha256', secret), [Buffer.from(github, 'hex')]);
  const gitea = /^[0-9a-f]{64}$/i.exec(text(headers['x-gitea-signature']))?.[0];
  if (gitea !== undefined) return hmacCheck(createHmac('sha256', secret), [Buffer.from(gitea, 'hex')]);
  if (text(headers['webhook-signature']) !== '') return standardCheck(input);
  const token = text(headers['x-gitlab-token']);
  return token === '' ? undefined : { update: () => undefined, isGood: () => isSameText(token, secret) };
}

const text = (header: string | string[] | undefined): string => (typeof header === 'string' ? header : '');

const hmacCheck = (hmac: Hmac, allowed: readonly Buffer[]): SignatureCheck => ({
  update: (chunk) => void hmac.update(chunk),
  isGood: () => {
    const digest = hmac.digest();
    return allowed.some((given) => given.length === digest.length && timingSafeEqual(given, digest));
  },
});

const TOLERANCE_MS = 300_000;

/** As standardwebhooks.com has it: the id, the time and the body are signed, with a key that is written in base64. */
function standardCheck({ headers, secret, nowMs }: SignatureInput): SignatureCheck | undefined {
  const [id, timestamp] = [text(headers['webhook-id']), text(headers['webhook-timestamp'])];
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(nowMs - Number(timestamp) * 1_000) > TOLERANCE_MS)
    return undefined;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : secret;
  const given = text(headers['webhook-signature'])
    .split(' ')
    .flatMap((part) => (part.startsWith('v1,') ? [Buffer.from(part.slice(3), 'base64')] : []));
  return hmacCheck(createHmac('sha256', key).update(`${id}.${timestamp}.`), given);
}

/** Of one length first, so that the comparison tells nothing. */
const isSameText = (left: string, right: string): boolean => timingSafeEqual(digestOf(left), digestOf(right));

const digestOf = (word: string): Buffer => createHash('sha256').update(word).digest();
