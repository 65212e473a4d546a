import { messageOf } from '../api/errors.ts';
import { PodmanError, type PodmanErrorKind } from './errors.ts';

/**
 * What Podman's words mean, first match wins; seen on 4.3.1 and 5.4.2. The status says little: a missing image is 500
 * on one and 404 on the other, a taken name 500 or 409 by resource.
 */
const CAUSES: readonly (readonly [RegExp, PodmanErrorKind])[] = [
  [/no space left on device|disk quota exceeded/, 'NoSpace'],
  [/address already in use|port is already allocated|cannot listen on the (tcp|udp) port/, 'PortInUse'],
  [/image not known|no such image|manifest unknown|name unknown|repository .* not found/, 'ImageUnknown'],
  [/is already allocated to container|already used on the host|is being used|image is in use/, 'InUse'],
  [/already in use|already exists|already used|secret name in use|unique constraint failed/, 'NameInUse'],
  [/no such (container|pod|volume|secret|exec session|network)|network not found/, 'NotFound'],
  [/oci runtime|oci permission denied|no matching entries in (passwd|group) file/, 'CannotRun'],
  [/unresolvable cdi devices|unable to (start|find user)|runc create failed|crun:/, 'CannotRun'],
  [/no such file or directory|permission denied/, 'CannotRun'],
  [/invalid (argument|signal|reference|cidr|network mode)|unknown capability|json: cannot/, 'BadRequest'],
  [/must be (lowercase|larger)|not in any subnet|failed to (decode|find driver)/, 'BadRequest'],
];

/** What a pull or a build says when the registry, or the way to it, is at fault. */
const REGISTRY_FAULTS =
  /dial tcp|no such host|i\/o timeout|tls handshake|connection (refused|reset)|unexpected eof|toomanyrequests|pinging container registry|network is unreachable|received unexpected http status: 5|context deadline exceeded/;

/** Both parts are read: `cause` is the innermost error, `message` the whole chain around it. */
export function kindOfCause(statusCode: number, text: string): PodmanErrorKind {
  const words = text.toLowerCase();
  const found = CAUSES.find(([pattern]) => pattern.test(words));
  if (found) return found[1];
  if (statusCode === 404) return 'NotFound';
  return statusCode === 400 ? 'BadRequest' : 'Other';
}

/** Pulls and builds answer 200 and tell their failure in the stream. */
export function kindOfPullFailure(text: string): PodmanErrorKind {
  const words = text.toLowerCase();
  // Nobody serves images on this machine: such a reference is one that should have been built here.
  if (/docker:\/\/localhost\//.test(words)) return 'ImageUnknown';
  if (REGISTRY_FAULTS.test(words)) return 'RegistryUnavailable';
  if (/no space left on device|disk quota exceeded/.test(words)) return 'NoSpace';
  if (/invalid reference format/.test(words)) return 'BadRequest';
  return 'ImageUnknown';
}

export function errorOfReply(statusCode: number, text: string, what: string): PodmanError {
  const { cause, message } = parseFailure(text);
  const kind = kindOfCause(statusCode, `${cause} ${message}`);
  return new PodmanError(kind, `Podman could not ${what}: ${message || `HTTP ${statusCode}`}`, statusCode);
}

function parseFailure(text: string): { readonly cause: string; readonly message: string } {
  try {
    const parsed = JSON.parse(text) as { cause?: string; message?: string } | null;
    return { cause: parsed?.cause ?? '', message: parsed?.message ?? '' };
  } catch {
    return { cause: '', message: text.trim().slice(0, 1_000) };
  }
}

/** A broken connection says nothing about whether the call happened. A `PodmanError` passes unchanged. */
export function errorOfTransport(error: unknown, what: string, socketPath: string): PodmanError {
  if (error instanceof PodmanError) return error;
  return new PodmanError(
    'Unreachable',
    `Podman could not ${what}: no answer on ${socketPath} (${messageOf(error)}). ${adviceFor(error)}`,
    undefined,
    { cause: error },
  );
}

function adviceFor(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'EACCES') return 'This user may not use the socket.';
  return 'Is the Podman service running?';
}
