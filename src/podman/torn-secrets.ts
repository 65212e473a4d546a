import { randomBytes } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A write takes milliseconds: what is empty for this long was cut off. */
const TORN_FOR_MS = 10_000;
const NO_NAMES = { secrets: {}, nameToID: {}, idToName: {} };
/** Where the values are when nobody chose another driver. */
const FILE_DRIVER = 'file';

/**
 * Podman (4.3, 5.4) writes the two files of its secrets over in place: where its service is killed in between, one is empty and
 * all secrets are lost. From then on it refuses every call about secrets. An empty file that says so in Podman's own
 * words is all that it takes; without their values the names are worth nothing either. See ADR 21.
 *
 * @param graphRoot Podman's storage on this host
 * @returns whether something was mended
 */
export async function mendTornSecrets(graphRoot: string, nowMs: number): Promise<boolean> {
  const names = join(graphRoot, 'secrets/secrets.json');
  const values = join(graphRoot, 'secrets/filedriver/secretsdata.json');
  const areValuesTorn = await isTorn(values, nowMs);
  if (areValuesTorn) await replace(values, {});
  const areNamesLost = (await isTorn(names, nowMs)) || (areValuesTorn && (await areAllOfFileDriver(names)));
  if (areNamesLost) await replace(names, NO_NAMES);
  return areValuesTorn || areNamesLost;
}

/** One that is not there, or not ours to look at, is none. */
async function isTorn(file: string, nowMs: number): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.size === 0 && nowMs - found.mtimeMs >= TORN_FOR_MS;
}

/** What another driver keeps is not lost. */
async function areAllOfFileDriver(names: string): Promise<boolean> {
  const text = await readFile(names, 'utf8').catch(() => '{}');
  const { secrets = {} } = JSON.parse(text || '{}') as Names;
  return Object.values(secrets).every(({ driver }) => driver === FILE_DRIVER);
}

interface Names {
  readonly secrets?: Readonly<Record<string, { readonly driver?: string }>>;
}

async function replace(file: string, content: object): Promise<void> {
  const next = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(next, JSON.stringify(content), { mode: 0o600, flag: 'wx' });
  await rename(next, file);
}
