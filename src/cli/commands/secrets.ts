import { count } from '../count.ts';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { decrypt, encrypt, newIdentity, readIdentities, recipientsOf } from '../../source/secrets/age.ts';
import { reseal, seal } from '../../source/secrets/seal.ts';
import type { Input } from '../action.ts';
import type { Context } from '../context.ts';
import { editSecrets } from '../edit-secrets.ts';
import { CliError } from '../errors.ts';
import { replaceFile } from '../replace-file.ts';
import type { SecretWork } from '../secret-work.ts';

/** Values come from files, the editor or standard input, never from arguments: those everybody can see. */
export async function secrets(context: Context, { args, options }: Input): Promise<number> {
  const [action, ...files] = args;
  const given = Array.isArray(options['recipient']) ? (options['recipient'] as readonly string[]) : undefined;
  const work: SecretWork = {
    ...context,
    files: files.map((file) => resolve(file)),
    recipients: async () => given ?? recipientsOf(await readIdentities(identityOf(context))),
    identities: () => readIdentities(identityOf(context)),
  };
  const perform = action !== undefined && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (!perform) throw new CliError(`there is no "${action}"; there are ${Object.keys(ACTIONS).join(', ')}`);
  if (files.length === 0 && (action === 'edit' || action === 'rotate'))
    throw new CliError(`name the file: rookery secrets ${action} FILE`);
  await perform(work);
  return 0;
}

const identityOf = ({ config }: Context): string => config.ageIdentityFile;

const ACTIONS: Readonly<Record<string, (work: SecretWork) => Promise<void>>> = {
  keygen,
  encrypt: (work) => (work.files.length === 0 ? encryptInput(work) : encryptFiles(work)),
  edit: editSecrets,
  rotate,
};

async function keygen(context: SecretWork): Promise<void> {
  const path = identityOf(context);
  const identity = await newIdentity();
  const [recipient = ''] = await recipientsOf([identity]);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new CliError(
      `${path} is there already, and whatever it decrypts would be lost; name another: --age-identity FILE`,
    );
  });
  await file.writeFile(`# public key: ${recipient}\n${identity}\n`);
  await file.sync();
  await file.close();
  context.terminal.err(`the private key is in ${path}: keep a copy of it somewhere safe\n`);
  context.terminal.out(`${recipient}\n`);
}

const MAX_VALUE_BYTES = 2 ** 20;

/** One value, to be put into a manifest by hand. */
async function encryptInput({ terminal, recipients }: SecretWork): Promise<void> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_VALUE_BYTES) throw new CliError('a value has at most 1 MiB');
    chunks.push(chunk);
  }
  terminal.out(await encrypt(Buffer.concat(chunks), await recipients()));
  terminal.out('\n');
}

async function encryptFiles({ files, recipients, terminal }: SecretWork): Promise<void> {
  const keys = await recipients();
  const changes = await Promise.all(
    files.map(async (file) => ({
      file,
      text: await seal(file, await readFile(file, 'utf8'), (value) => encrypt(value, keys)),
    })),
  );
  for (const { file, text } of changes) await replaceFile(file, text);
  terminal.out(`encrypted for ${count(keys.length, 'recipient')}: ${files.join(', ')}\n`);
}

/** All of them first, then one after the other: with a key missing no file changes. */
async function rotate({ files, recipients, identities, terminal }: SecretWork): Promise<void> {
  const [keys, own] = [await recipients(), await identities()];
  const changes: { file: string; text: string }[] = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8');
    const fresh = await reseal(
      text,
      (armored) => decrypt(armored, own),
      (value) => encrypt(value, keys),
    );
    if (fresh !== text) changes.push({ file, text: fresh });
  }
  for (const { file, text } of changes) await replaceFile(file, text);
  terminal.out(`encrypted anew for ${count(keys.length, 'recipient')}: ${count(changes.length, 'file')}\n`);
}
