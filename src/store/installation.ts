import { messageOf } from '../api/errors.ts';
import { StoreError } from './errors.ts';
import { isObject, readStrictly, seal } from './envelope.ts';
import type { StateFiles } from './files.ts';

/** Who we are on this host. */
export interface Installation {
  /** In the label of everything we make: what carries another is not ours. */
  readonly id: string;
  /** 32 bytes; names secrets by their content, so it must never change and never be shown. */
  readonly hmacKey: Uint8Array;
}

interface StoredInstallation {
  readonly id: string;
  readonly hmacKeyHex: string;
}

const FILE = 'installation.json';
const ID_BYTES = 8;
const KEY_BYTES = 32;

export interface LoadedInstallation {
  readonly installation: Installation;
  /** True on the first start on this directory. */
  readonly isNew: boolean;
}

/**
 * Created once, and kept by `saveInstallation` when nothing was found that a lost directory left: a start that ends
 * before that is a first one again. Unlike any other file a damaged one is fatal: under a new id everything that runs would be a
 * stranger's, and under a new key every agent with a secret would be made anew.
 */
export async function loadInstallation(
  files: StateFiles,
  random: (bytes: number) => Uint8Array,
): Promise<LoadedInstallation> {
  const stored = await readStrictly(FILE, { files, isValid: isInstallation }).catch(throwDamaged);
  if (stored) return { installation: fromStored(stored), isNew: false };
  const installation = fromStored({ id: hex(random(ID_BYTES)), hmacKeyHex: hex(random(KEY_BYTES)) });
  return { installation, isNew: true };
}

function throwDamaged(error: unknown): never {
  if (error instanceof StoreError) throw error;
  throw new StoreError(
    'Damaged',
    `${FILE} in the state directory is damaged (${messageOf(error)}); it says which containers are ours. Restore it from a backup, or move the whole directory away to begin anew: what runs is then left alone and reported as a Conflict`,
    { cause: error },
  );
}

export const saveInstallation = (files: StateFiles, { id, hmacKey }: Installation): Promise<void> =>
  files.write(FILE, seal({ id, hmacKeyHex: hex(hmacKey) } satisfies StoredInstallation), 'Durable');

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const fromStored = ({ id, hmacKeyHex }: StoredInstallation): Installation => ({
  id,
  hmacKey: Uint8Array.from(Buffer.from(hmacKeyHex, 'hex')),
});

const isInstallation = (value: unknown): value is StoredInstallation =>
  isObject(value) &&
  typeof value['id'] === 'string' &&
  value['id'] !== '' &&
  typeof value['hmacKeyHex'] === 'string' &&
  value['hmacKeyHex'].length === 2 * KEY_BYTES;
