import { chmodSync, existsSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
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
  refuseOthersDirectory(path);
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

const OTHERS_MAY_WRITE = 0o022;
const STICKY = 0o1000;

/** Who may write in its directory can put a socket of their own there, and be asked in our place. */
function refuseOthersDirectory(path: string): void {
  const directory = dirname(path);
  const { uid, mode } = statSync(directory);
  const others = uid !== 0 && uid !== process.getuid?.();
  const isOpen = (mode & OTHERS_MAY_WRITE) !== 0 && (mode & STICKY) === 0;
  if (!others && !isOpen) return;
  const why = others
    ? `belongs to user ${uid}`
    : `is open to other users (mode ${(mode & 0o777).toString(8)})`;
  throw new SocketError(
    `cannot listen on ${path}: its directory ${why}, who could put another socket in its place; close it with chmod go-w, or choose another with --api-socket`,
  );
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
  if (stats.uid !== process.getuid?.()) {
    throw new SocketError(
      `${path} is a socket of user ${stats.uid}; have it removed, or choose another with --api-socket`,
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
