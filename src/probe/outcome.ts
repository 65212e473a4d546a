import type { ProbeOutcome } from './probe.ts';

/** Longer replies are cut: a message goes into status, events and logs. */
const MAX_MESSAGE_CHARACTERS = 256;

/** The host ran out of something or has no way to the container: says nothing about the container. */
const OUR_OWN_TROUBLE = new Set([
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EACCES',
  'EPERM',
  'EAI_AGAIN',
]);

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the connection was closed before the answer',
  EPIPE: 'the connection was closed before the answer',
  ETIMEDOUT: 'no connection: timed out',
  EHOSTUNREACH: 'no host answers at that address',
  ENOTFOUND: 'the host name is not known',
  ENETUNREACH: 'no route to that address from here',
  EMFILE: 'too many open files in the controller',
};

/** The probe itself could not run; thrown by a check or a route, told as `Unknown`. */
export class ProbeUnavailable extends Error {
  override readonly name = 'ProbeUnavailable';
}

export const success = (message: string): ProbeOutcome => ({
  verdict: 'Success',
  message: readable(message),
});
export const failure = (message: string): ProbeOutcome => ({
  verdict: 'Failure',
  message: readable(message),
});
export const unknown = (message: string): ProbeOutcome => ({
  verdict: 'Unknown',
  message: readable(message),
});

/** What a thrown error says about the container: a refusal or a broken reply is its failure, our own trouble is not. */
export function outcomeOfError(where: string, error: unknown): ProbeOutcome {
  if (!(error instanceof Error)) return unknown(`${where}: ${String(error)}`);
  const code = codeOf(error);
  const message = `${where}: ${WORDS[code] ?? error.message}`;
  const ours = error instanceof ProbeUnavailable || code === '' || OUR_OWN_TROUBLE.has(code);
  return ours ? unknown(message) : failure(message);
}

const codeOf = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : '';

/** One line without raw control characters: replies come from programs that we do not trust with a terminal. */
export function readable(text: string): string {
  const line = text
    .slice(0, MAX_MESSAGE_CHARACTERS * 4)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, escaped);
  return line.length <= MAX_MESSAGE_CHARACTERS ? line : `${line.slice(0, MAX_MESSAGE_CHARACTERS - 1)}…`;
}

const escaped = (character: string): string => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
