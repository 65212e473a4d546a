import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '../program.ts';
import { GitError } from './git.ts';
import type { Repository } from './repository.ts';
import type { Verification } from './settings.ts';

/** What git itself says of a commit's signature. */
export type Verdict =
  | { readonly verified: true; readonly signer: string }
  | { readonly verified: false; readonly message: string };

/**
 * Asks git, with the trusted keys alone: neither the user's keyring nor another kind of signature counts.
 * @throws GitError when it could not be asked, which speaks neither for nor against the commit.
 */
export async function verifyCommit(
  repository: Repository,
  id: string,
  verification: Verification,
): Promise<Verdict> {
  if (verification.type === 'ssh') return ask(repository, id, {});
  return withKeyring(verification.keyringFile, (GNUPGHOME) => ask(repository, id, { GNUPGHOME }));
}

/** `%G?` is `G` for a good signature of a trusted key, `U` for one whose owner nobody vouched for: the keyring does. */
const GOOD = new Set(['G', 'U']);

async function ask({ git }: Repository, id: string, env: Readonly<Record<string, string>>): Promise<Verdict> {
  const said = await git(['show', '--no-patch', '--format=%G?%n%GS%n%GF', id], { env });
  const [code = '', signer = '', key = ''] = said.split('\n');
  if (code === 'N') return { verified: false, message: 'it has no signature' };
  // git judges by the exit code of this; what it prints of a signature is for people.
  const refusal = await git(['verify-commit', id], { env }).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  if (refusal === undefined && GOOD.has(code)) return { verified: true, signer: signer || key };
  return { verified: false, message: REFUSALS[code] ?? `its signature is not by a trusted key: ${refusal}` };
}

const REFUSALS: Readonly<Record<string, string>> = {
  B: 'its signature is wrong',
  X: 'its signature has expired',
  Y: 'its signature is by a key that has expired',
  R: 'its signature is by a key that was revoked',
  E: 'its signature is by a key that is not trusted',
};

/** A home of its own for one look: what was trusted before has no say when the keyring was changed. */
async function withKeyring<T>(keyringFile: string, use: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'rookery-gnupg-'));
  try {
    const options = ['--homedir', home, '--batch', '--quiet', '--no-autostart', '--no-auto-check-trustdb'];
    await runProgram('gpg', [...options, '--import', keyringFile]).catch((error: unknown) => {
      throw new GitError(`the keyring ${keyringFile} cannot be read by gpg: ${(error as Error).message}`);
    });
    return await use(home);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}
