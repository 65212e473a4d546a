import { chmodSync, existsSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';

/** Somebody answers there, or something else is in the way: nothing was touched. */
export class SocketError extends Error {
  override readonly name = 'SocketError';
}

const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Listens on a unix socket that only its owner may use: from the first moment on, since the mode comes from the umask,
 * and in a directory that is made with 0700. Throws `SocketError`.
 */
export async function listenPrivately(
  server: Server,
  path: string,
  onError: (error: Error) => void = () => undefined,
): Promise<void> {
  try {
    makePrivateDirectory(dirname(path));
  } catch (error) {
    throw cannotListen(path, error as NodeJS.ErrnoException);
  }
  await clearStale(path);
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(path, error)));
    server.once('listening', resolve);
  });
  const umask = process.umask(0o177);
  try {
    server.listen(path);
  } finally {
    process.umask(umask);
  }
  await listening;
  // Such as a connection that could not be accepted for want of files: nobody to tell must not mean that we end.
  server.on('error', onError);
  chmodSync(path, 0o600);
}

/** Step by step: Node's own `recursive` never returns where the kernel answers ENOENT to every attempt, as in /proc. */
function makePrivateDirectory(path: string): void {
  if (existsSync(path)) return;
  makePrivateDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

const cannotListen = (path: string, { code, message }: NodeJS.ErrnoException): SocketError =>
  new SocketError(`cannot listen on ${path}: ${code ?? message}; choose another place with --api-socket`);

/** A crash leaves its socket behind: it goes only when nobody answers on it. */
async function clearStale(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return;
  if (!stats.isSocket()) {
    throw new SocketError(
      `${path} is there and is no socket; remove it, or choose another with --api-socket`,
    );
  }
  if (await isAnswered(path)) {
    throw new SocketError(
      `another controller answers on ${path}; stop it first, or choose another socket with --api-socket`,
    );
  }
  unlinkSync(path);
}

/** Only a refused connection means that nobody listens; a busy or foreign listener is one all the same. */
const isAnswered = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    const end = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(true));
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
