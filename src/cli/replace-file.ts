import { rename, stat, writeFile } from 'node:fs/promises';

/** Never half of it, and with the mode it had. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const { mode } = await stat(path);
  const partial = `${path}.partial`;
  await writeFile(partial, text, { mode: mode & 0o777, flush: true });
  await rename(partial, path);
}
