import { messageOf } from '../api/errors.ts';

/** A refusal as Kubernetes words it: becomes a `Status` object with this code and reason. */
export class ApiError extends Error {
  override readonly name: string = 'ApiError';
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

/** The history since that version is no longer kept: the client lists anew and watches from there. */
export class GoneError extends ApiError {
  override readonly name = 'GoneError';

  constructor(sinceVersion: number, oldestVersion: number) {
    super(410, 'Expired', `too old resource version: ${sinceVersion} (${oldestVersion}); list again`);
  }
}

export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message);
export const notFound = (message: string): ApiError => new ApiError(404, 'NotFound', message);
export const conflict = (message: string): ApiError => new ApiError(409, 'Conflict', message);
export const tooMany = (message: string): ApiError => new ApiError(429, 'TooManyRequests', message);

/** Everything that a handler may throw, as what the client is told. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = messageOf(error);
  const isPodmans = error instanceof Error && error.name === 'PodmanError';
  return isPodmans
    ? new ApiError(503, 'ServiceUnavailable', message)
    : new ApiError(500, 'InternalError', message);
}

export const statusOf = ({ code, reason, message }: ApiError): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  reason,
  code,
});
