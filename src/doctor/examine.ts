import { messageOf } from '../api/errors.ts';
import type { Finding, Verdict } from './verdict.ts';

/** Looks at one thing and judges it. */
export interface Check {
  readonly name: string;
  readonly deadlineMs: number;
  look(signal: AbortSignal): Promise<Verdict>;
}

const CHECK_DEADLINE_MS = 10_000;

export const check = <T>(
  name: string,
  gather: (signal: AbortSignal) => Promise<T>,
  judge: (facts: T) => Verdict,
  deadlineMs = CHECK_DEADLINE_MS,
): Check => ({ name, deadlineMs, look: async (signal) => judge(await gather(signal)) });

/** All at once, in their order; a look that fails or takes too long is a warning of its own, and holds no other up. */
export function examine(checks: readonly Check[]): Promise<Finding[]> {
  return Promise.all(
    checks.map(async ({ name, look, deadlineMs }): Promise<Finding> => {
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
