/** What a check found. A failure keeps agents from running as they should; a warning may one day. */
export type Verdict =
  | { readonly level: 'OK'; readonly message: string }
  | { readonly level: 'WARN' | 'FAIL'; readonly message: string; readonly fix: string };

export type Finding = Verdict & { readonly check: string };

export const ok = (message: string): Verdict => ({ level: 'OK', message });
export const warn = (message: string, fix: string): Verdict => ({ level: 'WARN', message, fix });
export const fail = (message: string, fix: string): Verdict => ({ level: 'FAIL', message, fix });
