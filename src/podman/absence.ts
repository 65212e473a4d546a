import { PodmanError } from './errors.ts';

/** What is not there is stopped, and removed. */
export async function absentIsDone(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isAbsent(error)) throw error;
  });
}

export async function foundOrUndefined<T>(
  call: Promise<{ readonly body: T | undefined }>,
): Promise<T | undefined> {
  const reply = await call.catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  return reply?.body;
}

const isAbsent = (error: unknown): boolean =>
  error instanceof PodmanError && (error.kind === 'NotFound' || error.kind === 'ImageUnknown');
