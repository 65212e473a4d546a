import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-terminal-'));
  const source = join(directory, 'program.ts');
  const terminal = join(process.cwd(), 'src/cli/process-terminal.ts');
  writeFileSync(
    source,
    `import { createTerminal } from '${terminal}';
     const terminal = createTerminal();
     if (process.argv[2] === 'run') terminal.onInterrupt(() => undefined);
     let lines = 0;
     const timer = setInterval(() => {
       terminal.out('out\\n');
       terminal.err('err\\n');
       if (++lines === 5) { clearInterval(timer); process.exitCode = 7; }
     }, 5);`,
  );
  buildSync({
    entryPoints: [source],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: join(directory, 'program.mjs'),
  });
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs it with a stream that fails at each write; 7 is its own end. */
function run(command: 'run' | 'get', full: 'stdout' | 'stderr') {
  const device = openSync('/dev/full', 'w');
  const stdio = ['ignore', full === 'stdout' ? device : 'pipe', full === 'stderr' ? device : 'pipe'] as const;
  const result = spawnSync(process.execPath, [join(directory, 'program.mjs'), command], {
    stdio: [...stdio],
    encoding: 'utf8',
  });
  closeSync(device);
  return { status: result.status, out: result.stdout, err: result.stderr };
}

describe('a disk that is full', () => {
  test.each(['run', 'get'] as const)('beneath standard error ends nothing: %s', (command) => {
    expect(run(command, 'stderr')).toMatchObject({ status: 7, out: 'out\n'.repeat(5) });
  });

  test('beneath standard output ends no controller', () => {
    expect(run('run', 'stdout')).toMatchObject({ status: 7, err: 'err\n'.repeat(5) });
  });

  test('beneath the output of a command is its failure', () => {
    expect(run('get', 'stdout')).toMatchObject({ status: 1 });
  });
});
