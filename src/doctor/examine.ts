import { messageOf } from '../api/errors.ts';
import type { Finding, Verdict } from './judge.ts';

/** Looks at one thing and judges it. */
export interface Check {
  readonly name: string;
  look(signal: AbortSignal): Promise<Verdict>;
}

export const check = <T>(
  name: string,
  gather: (signal: AbortSignal) => Promise<T>,
  judge: (facts: T) => Verdict,
): Check => ({ name, look: async (signal) => judge(await gather(signal)) });

const CHECK_DEADLINE_MS = 10_000;

/** All at once, in their order; a look that fails or takes too long is a warning of its own, and holds no other up. */
export function examine(checks: readonly Check[], deadlineMs = CHECK_DEADLINE_MS): Promise<Finding[]> {
  return Promise.all(
    checks.map(async ({ name, look }): Promise<Finding> => {
      const signal = AbortSignal.timeout(deadlineMs);
      const late = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error(`no answer within ${deadlineMs} ms`)));
      });
      try {
        return { check: name, ...(await Promise.race([look(signal), late])) };
      } catch (error) {
        const fix = 'see to what the message says, then run rookery doctor again';
        return { check: name, level: 'WARN', message: `could not be checked: ${messageOf(error)}`, fix };
      }
    }),
  );
}
