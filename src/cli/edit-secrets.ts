import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decrypt, encrypt } from '../source/secrets/age.ts';
import { seal, unseal } from '../source/secrets/seal.ts';
import { CliError } from './errors.ts';
import { replaceFile } from './replace-file.ts';
import type { SecretWork } from './secret-work.ts';

/** Opens a manifest in the editor with its values readable; what is not changed keeps its encrypted text. */
export async function editSecrets({
  files,
  services,
  terminal,
  recipients,
  identities,
}: SecretWork): Promise<void> {
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) throw new CliError('edit one file at a time');
  const variable = await services.variables();
  const keys = { own: await identities(), all: await recipients() };
  const before = await readFile(file, 'utf8');
  const known = new Map<string, string>();
  const readable = await unseal(file, before, async (armored) => {
    const value = await decrypt(armored, keys.own);
    known.set(Buffer.from(value).toString('base64'), armored);
    return value;
  });
  const editor = variable('VISUAL') ?? variable('EDITOR') ?? 'vi';
  const directory = await inMemory(variable('XDG_RUNTIME_DIR'));
  // Ctrl-C is the editor's to deal with: it must not leave readable values behind.
  const release = terminal.onInterrupt(() => undefined);
  try {
    const place = join(directory, 'secret.yaml');
    await writeFile(place, readable, { mode: 0o600 });
    await runEditor(editor, place);
    const edited = await readFile(place, 'utf8');
    if (edited === readable) return terminal.out('nothing was changed\n');
    const sealed = await seal(file, edited, async (value) => {
      const same = known.get(Buffer.from(value).toString('base64'));
      return same ?? encrypt(value, keys.all);
    });
    await replaceFile(file, sealed);
    terminal.out(`encrypted: ${file}\n`);
  } finally {
    await rm(directory, { recursive: true, force: true });
    release();
  }
}

const SHARED_MEMORY = '/dev/shm';

/** A directory that never reaches a disk, and that nobody else may enter. */
async function inMemory(runtimeDirectory: string | undefined): Promise<string> {
  for (const parent of [runtimeDirectory, SHARED_MEMORY]) {
    if (parent === undefined) continue;
    const isWritable = await access(parent, constants.W_OK).then(
      () => true,
      () => false,
    );
    if (isWritable) return mkdtemp(join(parent, 'rookery-secrets-'));
  }
  throw new CliError(
    `neither XDG_RUNTIME_DIR nor ${SHARED_MEMORY} can be written to, and a disk would remember`,
  );
}

/** As git does, without a shell: words at spaces. */
function runEditor(editor: string, place: string): Promise<void> {
  const [program = 'vi', ...args] = editor.split(' ').filter((word) => word !== '');
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args, place], { stdio: 'inherit' });
    child.once('error', (error) =>
      reject(new CliError(`cannot start ${program}: ${error.message}; set EDITOR`)),
    );
    child.once('exit', (code, signal) => {
      if (code === 0) return resolve();
      reject(new CliError(`${program} ended with ${signal ?? `code ${code}`}: nothing was changed`));
    });
  });
}
