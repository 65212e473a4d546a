import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replaceFile } from '../src/cli/replace-file.ts';
import { createDirectoryReader } from '../src/source/directory.ts';
import { decrypt, encrypt, newIdentity, recipientsOf } from '../src/source/secrets/age.ts';
import { createSecretOpener } from '../src/source/secrets/opener.ts';
import { reseal, seal, unseal } from '../src/source/secrets/seal.ts';
import type { Snapshot } from '../src/state/desired.ts';
import { secretData } from '../src/state/resolve-env.ts';
import { cli } from './fakes/cli.ts';
import { createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';

const CANARY = 'hunter2-canary';
let dir: string;
let tree: ManifestTree;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rookery-age-'));
  tree = createManifestTree();
});
afterEach(() => {
  rmSync(dir, { recursive: true });
  tree.dispose();
});

async function keyFile(name = 'key'): Promise<{ file: string; identity: string; recipient: string }> {
  const identity = await newIdentity();
  const [recipient = ''] = await recipientsOf([identity]);
  const file = join(dir, name);
  writeFileSync(file, `# public key: ${recipient}\n${identity}\n`, { mode: 0o600 });
  return { file, identity, recipient };
}

const PLAIN = `# who may call whom
apiVersion: v1
kind: Secret
metadata: {name: api} # not the other one
stringData:
  # the token
  token: ${CANARY}
  pem: |
    line one
    line two
type: Opaque # after it
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {x: "1"}
`;

const sealed = (text: string, recipient: string): Promise<string> =>
  seal('secret.yaml', text, (value) => encrypt(value, [recipient]));

const valuesOf = (snapshot: Snapshot): Record<string, string> => {
  const manifest = snapshot.objects.get('Secret/default/api')?.manifest;
  if (manifest?.kind !== 'Secret') return {};
  return Object.fromEntries(
    Object.entries(secretData(manifest)).map(([name, bytes]) => [name, Buffer.from(bytes).toString()]),
  );
};

describe('a Secret in a manifest', () => {
  const reader = (identityFile?: string) =>
    createDirectoryReader({
      directory: tree.manifests,
      now: () => 1_000,
      secrets: createSecretOpener(identityFile),
    });

  test('is encrypted in its place, and read as it was', async () => {
    const { file, recipient } = await keyFile();
    const text = await sealed(PLAIN, recipient);
    expect(text).not.toContain(CANARY);
    expect(text.replaceAll(/ +[A-Za-z0-9+/=]{20,}\n/g, '')).toBe(
      `# who may call whom
apiVersion: v1
kind: Secret
metadata: {name: api} # not the other one
encryptedData:
  "pem": |
    -----BEGIN AGE ENCRYPTED FILE-----
    -----END AGE ENCRYPTED FILE-----
  "token": |
    -----BEGIN AGE ENCRYPTED FILE-----
    -----END AGE ENCRYPTED FILE-----
type: Opaque # after it
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {x: "1"}
`,
    );
    tree.write('manifests/secret.yaml', text);
    const snapshot = await reader(file).read();
    expect(snapshot.problems).toEqual([]);
    expect(valuesOf(snapshot)).toEqual({ token: CANARY, pem: 'line one\nline two\n' });
  });

  test('that cannot be decrypted says where, and nothing of it', async () => {
    const [mine, others] = [await keyFile(), await keyFile('others')];
    tree.write('manifests/secret.yaml', await sealed(PLAIN, others.recipient));
    const snapshot = await reader(mine.file).read();
    expect(snapshot.problems.map(({ message, position }) => [position.line, message])).toEqual([
      [6, 'encryptedData.pem: it cannot be decrypted: it is damaged, or encrypted for other recipients'],
      [expect.any(Number), expect.stringContaining('encryptedData.token: it cannot be decrypted')],
    ]);
    expect(JSON.stringify(snapshot.problems)).not.toContain('BEGIN AGE');
    expect([...snapshot.objects.keys()]).toEqual(['ConfigMap/default/c']);
  });

  test('needs a key that nobody else may read', async () => {
    const { file, recipient } = await keyFile();
    tree.write('manifests/secret.yaml', await sealed(PLAIN, recipient));
    const why = async (identityFile?: string) => (await reader(identityFile).read()).problems[0]?.message;
    expect(await why()).toMatch(/there is no key for it; name one: --age-identity FILE/);
    expect(await why(join(dir, 'nowhere'))).toMatch(/nowhere cannot be used: it does not exist/);
    chmodSync(file, 0o644);
    expect(await why(file)).toMatch(/other users may read it; run: chmod 600/);
  });

  test('gets a new key while the controller runs', async () => {
    const { file, recipient } = await keyFile();
    const next = await keyFile('next');
    tree.write('manifests/secret.yaml', await sealed(PLAIN, recipient));
    const running = reader(file);
    await running.read();
    writeFileSync(file, next.identity);
    expect((await running.read()).problems).toHaveLength(2);
    tree.write('manifests/secret.yaml', await sealed(PLAIN, next.recipient));
    expect(valuesOf(await running.read())['token']).toBe(CANARY);
  });
});

describe('rewriting a manifest', () => {
  test('there and back again, comments and all', async () => {
    const { identity, recipient } = await keyFile();
    const readable = await unseal('x', await sealed(PLAIN, recipient), (text) => decrypt(text, [identity]));
    expect(readable).toContain(`stringData:\n  pem: |\n    line one\n    line two\n  token: ${CANARY}\n`);
    expect(readable).toContain('# not the other one');
  });

  test('for other recipients changes the encrypted text alone', async () => {
    const [one, two] = [await keyFile(), await keyFile('two')];
    const before = await sealed(PLAIN, one.recipient);
    const after = await reseal(
      before,
      (text) => decrypt(text, [one.identity]),
      (value) => encrypt(value, [one.recipient, two.recipient]),
    );
    const bare = (text: string) => text.replaceAll(/ +[A-Za-z0-9+/=]{20,}\n/g, '');
    expect(bare(after)).toBe(bare(before));
    expect(after).not.toBe(before);
    const readable = await unseal('x', after, (text) => decrypt(text, [two.identity]));
    expect(readable).toContain(CANARY);
  });

  test.each([
    ['on one line', `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {x: "${CANARY}"}\n`],
    ['with base64', `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n  x: aHVudGVyMi1jYW5hcnk=`],
  ])('takes a Secret %s', async (_how, text) => {
    const { identity, recipient } = await keyFile();
    const readable = await unseal('x', await sealed(text, recipient), (armored) =>
      decrypt(armored, [identity]),
    );
    expect(readable).toContain(`stringData:\n  x: ${CANARY}\n`);
  });

  test('refuses what it would spoil', async () => {
    const { recipient } = await keyFile();
    const list = `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n`;
    await expect(sealed(`{kind: Secret, stringData: {x: y}}`, recipient)).rejects.toThrow(
      /document of its own/,
    );
    const both = `${list}encryptedData: {x: z}\nstringData: {y: z}\n`;
    await expect(sealed(both, recipient)).rejects.toThrow(/must not be on one line/);
    await expect(sealed('kind: [', recipient)).rejects.toThrow(/cannot be read/);
  });
});

describe('rookery secrets', () => {
  const run = (args: string[], env: Record<string, string> = {}) =>
    cli(['secrets', ...args, '--age-identity', join(dir, 'own')], { env });

  test('makes a key that only its owner reads, and never a second one over it', async () => {
    const made = await run(['keygen']);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^age1[0-9a-z]+\n$/) });
    expect(statSync(join(dir, 'own')).mode & 0o777).toBe(0o600);
    expect(await run(['keygen'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('is there already'),
    });
  });

  test('encrypts for everybody whom a variable names, with colons between', async () => {
    const [one, two] = [await keyFile(), await keyFile()];
    const file = tree.write('manifests/secret.yaml', PLAIN);
    const env = { ROOKERY_RECIPIENT: `${one.recipient}:${two.recipient}` };
    expect(await run(['encrypt', file], env)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^encrypted for 2 recipients/),
    });
    for (const { identity } of [one, two]) {
      const readable = await unseal('x', readFileSync(file, 'utf8'), (text) => decrypt(text, [identity]));
      expect(readable).toContain(CANARY);
    }
  });

  test('knows no action but its own', async () => {
    expect(await run(['constructor'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no'),
    });
  });

  test('encrypts, edits without leaving a trace, and rotates', async () => {
    await run(['keygen']);
    const file = tree.write('manifests/secret.yaml', PLAIN);
    expect(await run(['encrypt', file])).toMatchObject({ code: 0, err: '' });
    const encrypted = readFileSync(file, 'utf8');
    expect(encrypted).not.toContain(CANARY);
    const editor = join(dir, 'editor');
    writeFileSync(
      editor,
      `#!/bin/sh\nstat -c '%a %n' "$1" > ${dir}/seen\nsed -i s/${CANARY}/new-value/ "$1"\n`,
      {
        mode: 0o755,
      },
    );
    expect(await run(['edit', file], { EDITOR: editor })).toMatchObject({ code: 0, err: '' });
    const [mode, place = ''] = readFileSync(join(dir, 'seen'), 'utf8').trim().split(' ');
    expect(mode).toBe('600');
    expect(place).toMatch(/^\/dev\/shm\//);
    expect(existsSync(place)).toBe(false);
    const edited = readFileSync(file, 'utf8');
    // What was not edited keeps its text: a small change is a small diff.
    const pem = (text: string) => /"?pem"?: \|\n((?: {4}.*\n)+)/.exec(text)?.[1];
    expect(pem(edited)).toBe(pem(encrypted));
    expect(edited).not.toBe(encrypted);
    writeFileSync(editor, `#!/bin/sh\nexit 3\n`, { mode: 0o755 });
    expect(await run(['edit', file], { EDITOR: editor })).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing was changed'),
    });
    expect(readFileSync(file, 'utf8')).toBe(edited);
    const other = await keyFile('other');
    expect(await run(['rotate', file, '--recipient', other.recipient])).toMatchObject({ code: 0, err: '' });
    const readable = await unseal('x', readFileSync(file, 'utf8'), (text) => decrypt(text, [other.identity]));
    expect(readable).toContain('token: new-value');
    expect(await run(['rotate', file])).toMatchObject({ code: 1 });
  });
});

test('a file that is written anew keeps its mode, whatever the umask', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-mode-'));
  const file = join(directory, 'secret.yaml');
  writeFileSync(file, 'old');
  chmodSync(file, 0o666);
  await replaceFile(file, 'new');
  expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['new', 0o666]);
  rmSync(directory, { recursive: true });
});
