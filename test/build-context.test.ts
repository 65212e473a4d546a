import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packContext } from '../src/podman/build-context.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-context-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (path: string, text = path): void => {
  mkdirSync(dirname(join(directory, 'context', path)), { recursive: true });
  writeFileSync(join(directory, 'context', path), text);
};

async function pack(limits?: { totalBytes: number; entries: number }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of packContext(join(directory, 'context'), 'Containerfile', limits))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

const tar = (args: readonly string[], input: Buffer): string =>
  execFileSync('tar', args, { input, encoding: 'utf8', cwd: directory });

const namesIn = async (): Promise<string[]> =>
  tar(['-t'], await pack())
    .trim()
    .split('\n')
    .sort();

describe('a packed build context', () => {
  test('is what tar reads: long names, other alphabets, modes and sizes', async () => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/fü.txt`;
    write('Containerfile');
    write(long, 'deep');
    write('ü'.repeat(60), 'short in letters, long in bytes');
    write('empty', '');
    write('block', 'b'.repeat(512));
    write('large', 'l'.repeat(700_001));
    const archive = await pack();
    mkdirSync(join(directory, 'out'));
    tar(['-x', '-C', 'out'], archive);
    expect(execFileSync('diff', ['-r', 'context', 'out'], { cwd: directory, encoding: 'utf8' })).toBe('');
  });

  test('has links as links: nothing outside is read', async () => {
    writeFileSync(join(directory, 'secret'), 'outside');
    write('Containerfile');
    symlinkSync('../secret', join(directory, 'context', 'link'));
    symlinkSync('..', join(directory, 'context', 'up'));
    const archive = await pack();
    expect(archive.toString('latin1')).not.toContain('outside');
    expect(tar(['-tv'], archive)).toMatch(/link -> \.\.\/secret/);
  });

  test.each(['context/sub', 'context'])(
    'reads nothing outside when a link takes the place of %s meanwhile',
    async (victim) => {
      mkdirSync(join(directory, 'outside'));
      mkdirSync(join(directory, 'outside', 'sub'));
      for (const path of ['one', 'sub/one']) writeFileSync(join(directory, 'outside', path), 'hidden');
      for (const path of ['Containerfile', 'sub/one', 'sub/two']) write(path);
      const packing = packContext(join(directory, 'context'), 'Containerfile');
      const read: Buffer[] = [];
      const rest = async (): Promise<void> => {
        for await (const chunk of packing) read.push(chunk);
      };
      read.push((await packing.next()).value as Buffer);
      renameSync(join(directory, victim), join(directory, 'moved'));
      symlinkSync(join(directory, 'outside'), join(directory, victim));
      await expect(rest()).rejects.toThrow(
        /has been replaced by a link and leads to .*outside\S*; remove the link/,
      );
      expect(Buffer.concat(read).toString('latin1')).not.toContain('hidden');
    },
  );

  test('leaves out what the ignore file names, but never the Containerfile', async () => {
    for (const path of ['Containerfile', 'a.log', 'keep.log', 'sub/b.log', 'data/x', 'data/deep/keep'])
      write(path);
    write('.containerignore', 'Containerfile\n**/*.log\n!keep.log\ndata\n!data/deep/keep\n');
    write('.dockerignore', 'sub');
    expect(await namesIn()).toEqual([
      '.containerignore',
      '.dockerignore',
      'Containerfile',
      'data/deep/keep',
      'keep.log',
      'sub/',
    ]);
  });

  test('is refused when it is too large, or has too many files', async () => {
    write('Containerfile');
    write('big', 'x'.repeat(5_000));
    await expect(pack({ totalBytes: 4_000, entries: 10 })).rejects.toThrow(
      /too large \(at big\).*containerignore/s,
    );
    await expect(pack({ totalBytes: 10_000, entries: 1 })).rejects.toThrow('too many files');
  });
});
