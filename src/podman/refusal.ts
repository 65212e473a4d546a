import { PodmanError } from './errors.ts';

/** Podman's own "no"; a timeout or a broken connection is none. */
export const isRefusal = (error: unknown): error is PodmanError =>
  error instanceof PodmanError && error.statusCode !== undefined;

/** Podman's "no", as a value; anything else is thrown on. */
export const refusalOf = (call: Promise<unknown>): Promise<PodmanError | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      if (isRefusal(error)) return error;
      throw error;
    },
  );
