import { describe, expect, test } from 'vitest';
import { errorOfReply, errorOfTransport, kindOfCause, kindOfPullFailure } from '../src/podman/cause.ts';
import { PodmanError } from '../src/podman/errors.ts';

/** Status, cause, message: as 4.3.1 and 5.4.2 answered. */
const REPLIES = [
  ['ImageUnknown', 500, 'image not known', 'localhost/nope:1: image not known'],
  ['ImageUnknown', 404, 'image not known', 'no such image: localhost/nope:1: image not known'],
  [
    'NameInUse',
    500,
    'that name is already in use',
    'creating container storage: the container name "e1" is already in use by 5f0c',
  ],
  [
    'NameInUse',
    409,
    'container already exists',
    'renaming container 272f: name e1 already in use, cannot rename container',
  ],
  [
    'NameInUse',
    500,
    'UNIQUE constraint failed: ContainerConfig.Name',
    'renaming container 9fe5: updating container config table',
  ],
  [
    'NameInUse',
    409,
    'pod already exists',
    'failed to make pod: adding pod to state: name "ep1" is in use: pod already exists',
  ],
  ['NameInUse', 409, 'network already exists', 'network name en1 already used: network already exists'],
  ['NameInUse', 500, 'volume already exists', 'volume with name ev1 already exists: volume already exists'],
  ['NameInUse', 500, 'secret name in use', 'es1: secret name in use'],
  ['NotFound', 404, 'no such container', 'no container with name or ID "absent" found: no such container'],
  ['NotFound', 404, 'network not found', 'network not found'],
  [
    'NotFound',
    500,
    'network not found',
    'unable to find network with name or ID absentnet: network not found',
  ],
  [
    'NotFound',
    500,
    'no such secret',
    'running container create option: no secret with name or id "absent": no such secret',
  ],
  ['NotFound', 500, 'no such pod', 'no pod with name or ID absent found: no such pod'],
  ['NotFound', 404, 'no such volume', 'volume with name absent not found: no such volume'],
  [
    'PortInUse',
    500,
    'address already in use',
    'cannot listen on the TCP port: listen tcp4 127.0.0.1:18099: bind: address already in use',
  ],
  ['InUse', 500, 'IPAM error: requested ip address 10.231.7.9 is already allocated to container ID a31a', ''],
  ['InUse', 500, 'subnet 10.231.7.0/24 is already used on the host or by another config', ''],
  ['InUse', 500, 'network is being used', '"en1" has associated containers with it.'],
  ['InUse', 409, 'volume is being used', 'volume ev1 is being used by the following container(s): 7fa7'],
  ['InUse', 409, 'image is in use by a container', 'image used by 7fa7: image is in use by a container'],
  [
    'CannotRun',
    500,
    'OCI runtime attempted to invoke a command that was not found',
    'runc: runc create failed: unable to start container process: exec: "/nope"',
  ],
  [
    'CannotRun',
    500,
    'OCI permission denied',
    'runc: runc create failed: exec: "/etc/passwd": permission denied',
  ],
  [
    'CannotRun',
    500,
    'no matching entries in passwd file',
    'unable to find user ghost: no matching entries in passwd file',
  ],
  ['CannotRun', 500, 'unresolvable CDI devices nvidia.com/gpu=all', 'setting up CDI devices'],
  ['CannotRun', 500, 'no such file or directory', 'statfs /nope/x: no such file or directory'],
  [
    'NoSpace',
    500,
    'no space left on device',
    'creating container storage: write /x: no space left on device',
  ],
  ['BadRequest', 500, 'invalid argument', 'names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument'],
  ['BadRequest', 500, 'requested static ip 10.99.7.9 not in any subnet on network en1', ''],
  ['BadRequest', 500, 'repository name must be lowercase', 'normalizing name "localhost/XX:2"'],
  ['BadRequest', 500, 'unknown capability', '"CAP_FOO": unknown capability'],
  ['BadRequest', 500, 'invalid signal: NOPE', 'invalid signal: NOPE'],
  ['BadRequest', 500, 'secret data must be larger than 0 and less than 512000 bytes', ''],
  ['Other', 500, 'container state improper', 'can only kill running containers. 272f is in state created'],
  ['Other', 409, 'container state improper', 'can only kill running containers. 272f is in state created'],
] as const;

describe('what a refusal means', () => {
  test.each(REPLIES)('%s: %i %s', (kind, statusCode, cause, message) => {
    expect(kindOfCause(statusCode, `${cause} ${message}`)).toBe(kind);
  });

  test.each([
    [
      'RegistryUnavailable',
      'pinging container registry 127.0.0.1:1: Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    ['RegistryUnavailable', 'initializing source docker://x: reading manifest: toomanyrequests: rate limit'],
    [
      'ImageUnknown',
      'initializing source docker://localhost/x:1: pinging container registry localhost: dial tcp: connection refused',
    ],
    ['ImageUnknown', 'reading manifest 9 in docker.io/library/busybox: manifest unknown'],
    [
      'ImageUnknown',
      'short-name "xyz" did not resolve to an alias and no unqualified-search registries are defined',
    ],
    ['BadRequest', 'parsing reference "XY!": invalid reference format'],
    ['NoSpace', 'writing blob: no space left on device'],
  ])('a pull: %s: %s', (kind, text) => {
    expect(kindOfPullFailure(text)).toBe(kind);
  });

  test('the words tell what was tried and why it failed', () => {
    const body =
      '{"cause":"no such container","message":"no container with name \\"a\\" found","response":404}';
    const error = errorOfReply(404, body, 'start container a');
    expect(error).toMatchObject({ kind: 'NotFound', statusCode: 404 });
    expect(error.message).toBe('Podman could not start container a: no container with name "a" found');
  });

  test('a reply that is no JSON is told as it is', () => {
    expect(errorOfReply(400, 'Bad Request: nonsense\n', 'ping')).toMatchObject({
      kind: 'BadRequest',
      message: 'Podman could not ping: Bad Request: nonsense',
    });
    expect(errorOfReply(404, '', 'ping')).toMatchObject({
      kind: 'NotFound',
      message: 'Podman could not ping: HTTP 404',
    });
  });

  test('a broken connection names the socket, and what to do', () => {
    const refused = Object.assign(new Error('connect EACCES /run/podman.sock'), { code: 'EACCES' });
    const error = errorOfTransport(refused, 'list containers', '/run/podman.sock');
    expect(error.kind).toBe('Unreachable');
    expect(error.message).toContain('/run/podman.sock');
    expect(error.message).toContain('may not use the socket');
    const known = new PodmanError('NoSpace', 'full');
    expect(errorOfTransport(known, 'build', '/run/podman.sock')).toBe(known);
  });
});
