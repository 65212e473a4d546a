/** What stands in the way of an installation, in words for a person. */
export class SystemdError extends Error {
  override readonly name = 'SystemdError';
}
