import { messageOf, WaitingError } from '../src/api/errors.ts';
import type { PodmanErrorKind } from '../src/podman/errors.ts';

/** An outage is nobody's failure: no back-off grows with it, however often it is met. */
const RETRY_MS = 1_000;

export const unreachable = (message: string): WaitingError =>
  new WaitingError('PodmanUnreachable', message, RETRY_MS);

export const isUnreachable = (error: unknown): boolean =>
  error instanceof Error && (error as { kind?: PodmanErrorKind }).kind === 'Unreachable';

/** What is looked up of Podman and got no answer is looked up again soon. */
export const answered = <T>(looking: Promise<T>): Promise<T> =>
  looking.catch((error: unknown) => {
    throw isUnreachable(error) ? unreachable(messageOf(error)) : error;
  });
