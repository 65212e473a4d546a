import { rename, writeFile } from 'node:fs/promises';

/** A file of ours, readable by us alone: its old text or its new one, never half of it. */
export async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.partial`, text, { mode: 0o600 });
  await rename(`${path}.partial`, path);
}
