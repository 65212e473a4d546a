import { messageOf } from '../../api/errors.ts';
import type { Manifest } from '../../api/kinds.ts';
import type { Secret } from '../../api/resources.ts';
import type { Finding } from '../problem.ts';
import { decrypt, readIdentities, SecretError } from './age.ts';

/** Decrypts what a Secret holds, in memory alone. */
export interface SecretOpener {
  /** The same manifest with its values readable; every one that cannot be is a finding. */
  open(manifest: Manifest): Promise<Opened>;
  /** Call it after each reading of the source: the identity is read anew, and values nobody asked for are forgotten. */
  sweep(): void;
}

interface Opened {
  readonly manifest: Manifest;
  readonly findings: readonly Finding[];
}

export function createSecretOpener(identityFile: string | undefined): SecretOpener {
  let known = new Map<string, Promise<string>>();
  let used: typeof known = new Map();
  let before = '';
  let identities: Promise<readonly string[]> | undefined;
  const load = async (): Promise<readonly string[]> => {
    if (identityFile === undefined)
      throw new SecretError('it is encrypted, and there is no key for it; name one: --age-identity FILE');
    const read = await readIdentities(identityFile);
    if (read.join() !== before) known = new Map();
    before = read.join();
    return read;
  };
  const valueOf = async (armored: string): Promise<string> => {
    identities ??= load();
    const keys = await identities;
    const value =
      known.get(armored) ?? decrypt(armored, keys).then((bytes) => Buffer.from(bytes).toString('base64'));
    used.set(armored, value);
    return value;
  };
  return {
    open: (manifest) =>
      manifest.kind === 'Secret' && Object.keys(manifest.encryptedData).length > 0
        ? openSecret(manifest, valueOf)
        : Promise.resolve({ manifest, findings: [] }),
    sweep() {
      known = used;
      used = new Map();
      identities = undefined;
    },
  };
}

async function openSecret(manifest: Secret, valueOf: (armored: string) => Promise<string>): Promise<Opened> {
  const data = { ...manifest.data };
  const findings: Finding[] = [];
  for (const [key, armored] of Object.entries(manifest.encryptedData)) {
    try {
      data[key] = await valueOf(armored);
    } catch (error) {
      const path = ['encryptedData', key];
      const message = `encryptedData.${key}: ${messageOf(error)}`;
      findings.push({ reason: 'InvalidManifest', path, message, atKey: true });
    }
  }
  return { manifest: { ...manifest, data, encryptedData: {} }, findings };
}
