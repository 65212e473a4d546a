import { stat } from 'node:fs/promises';
import { readBounded } from '../open-file.ts';
import { systemWords } from '../roots.ts';

/** A fifth of what a controller loads, for the few who have encrypted Secrets: loaded when first needed. */
const loadAge = () => import('age-encryption');

/** What is wrong with a key or with a value, without a word of either. */
export class SecretError extends Error {
  override readonly name = 'SecretError';
}

const MAX_IDENTITY_BYTES = 64 * 1024;
const OTHERS_MAY_READ = 0o077;

/**
 * Private keys as `age-keygen` writes them. A file that others may read is refused; systemd's credentials are guarded
 * by the directory they lie in.
 */
export async function readIdentities(path: string): Promise<string[]> {
  try {
    const { mode } = await stat(path);
    if (mode & OTHERS_MAY_READ && !path.startsWith('/run/credentials/'))
      throw new SecretError(`other users may read it; run: chmod 600 ${path}`);
    const lines = new TextDecoder().decode(await readBounded(path, MAX_IDENTITY_BYTES)).split('\n');
    const identities = lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    if (identities.length === 0) throw new SecretError('it holds no key');
    return identities;
  } catch (error) {
    throw new SecretError(`the age identity ${path} cannot be used: ${systemWords(error)}`);
  }
}

export async function recipientsOf(identities: readonly string[]): Promise<string[]> {
  const { identityToRecipient } = await loadAge();
  try {
    return await Promise.all(identities.map((identity) => identityToRecipient(identity)));
  } catch {
    throw new SecretError('the identity is no age key: it should start with AGE-SECRET-KEY-');
  }
}

export const newIdentity = (): Promise<string> =>
  loadAge().then(({ generateX25519Identity }) => generateX25519Identity());

export async function encrypt(value: Uint8Array, recipients: readonly string[]): Promise<string> {
  const { armor, Encrypter } = await loadAge();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new SecretError(`"${recipient}" is no age recipient: it should start with age1`);
    }
  }
  return armor.encode(await encrypter.encrypt(value));
}

export async function decrypt(armored: string, identities: readonly string[]): Promise<Uint8Array> {
  const { armor, Decrypter } = await loadAge();
  const decrypter = new Decrypter();
  for (const identity of identities) {
    try {
      decrypter.addIdentity(identity);
    } catch {
      throw new SecretError('the identity is no age key: it should start with AGE-SECRET-KEY-');
    }
  }
  try {
    return await decrypter.decrypt(armor.decode(armored));
  } catch {
    // The library's own words are of its insides.
    throw new SecretError('it cannot be decrypted: it is damaged, or encrypted for other recipients');
  }
}
