/**
 * What went wrong with a call, told by Podman's `cause` and not by the HTTP status: 4.3 answers 500 to many things.
 * `Unreachable` means nothing is known: the call may or may not have happened.
 */
export type PodmanErrorKind =
  | 'Unreachable'
  | 'NotFound'
  | 'NameInUse'
  | 'PortInUse'
  | 'ImageUnknown'
  | 'CannotRun'
  | 'InUse'
  | 'NoSpace'
  | 'Timeout'
  | 'BadRequest'
  | 'BuildFailed'
  | 'RegistryUnavailable'
  | 'Other';

export class PodmanError extends Error {
  override readonly name = 'PodmanError';
  readonly kind: PodmanErrorKind;
  readonly statusCode: number | undefined;

  constructor(kind: PodmanErrorKind, message: string, statusCode?: number, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.statusCode = statusCode;
  }
}
