import { chmod, rename, stat, writeFile } from 'node:fs/promises';

/** Never half of it, and with the mode it had. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const { mode } = await stat(path);
  const partial = `${path}.partial`;
  await writeFile(partial, text, { mode: 0o600, flush: true });
  // The mode of a new file passes the umask; that of a file that was there does not.
  await chmod(partial, mode & 0o777);
  await rename(partial, path);
}
