/** Something a person can act on: printed as it is, without a stack. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** Errors of other rooms that are already written for a person. */
const FOR_PEOPLE: ReadonlySet<string> = new Set([
  'CliError',
  'ConfigError',
  'StoreError',
  'PodmanError',
  'SocketError',
  'SecretError',
  'SystemdError',
]);

export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (FOR_PEOPLE.has(error.name) || 'syscall' in error) return error.message;
  return error.stack ?? error.message;
}

/** Told by its name: importing the store would load it for every command. */
export const isLocked = (error: unknown): error is Error & { readonly holderPid?: number } =>
  error instanceof Error && error.name === 'StoreError' && 'kind' in error && error.kind === 'Locked';
