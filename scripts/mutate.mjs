// npm run mutate: changes the pure core in thousands of small ways, and some test must notice each; docs/mutation.md.
//   npm run mutate                        all of it
//   npm run mutate -- src/plan/graph.ts   these files
//   npm run mutate -- --since HEAD~1      the lines that changed since then, for ten minutes
import { spawn, spawnSync } from 'node:child_process';

const CORE = ['src/plan', 'src/state', 'controllers/agent'];
const LONGEST_MS = 600_000;

const [first, ref, ...rest] = process.argv.slice(2);
if (first === '--since') process.exitCode = await mutateSince(ref ?? 'HEAD~1');
else process.exitCode = await stryker([first, ref, ...rest].filter((file) => file !== undefined));

/** @param {string} since @returns {Promise<number>} */
async function mutateSince(since) {
  const diff = spawnSync('git', ['diff', '--unified=0', '--diff-filter=AM', since, '--', ...CORE]);
  if (diff.status !== 0) {
    console.log(`mutate: ${since} is not in this checkout, so nobody knows what changed: nothing is mutated`);
    return 0;
  }
  const ranges = rangesOf(diff.stdout.toString());
  if (ranges.length > 0) return stryker(ranges, LONGEST_MS);
  console.log(`mutate: no line of ${CORE.join(', ')} changed since ${since}`);
  return 0;
}

/** `src/plan/graph.ts:12-15`, as Stryker wants it. @param {string} diff @returns {string[]} */
function rangesOf(diff) {
  let file = '';
  return diff.split('\n').flatMap((line) => {
    file = /^\+\+\+ b\/(.*\.ts)$/.exec(line)?.[1] ?? file;
    const [, start, count = '1'] = /^@@ \S+ \+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    return start === undefined || count === '0'
      ? []
      : [`${file}:${start}-${Number(start) + Number(count) - 1}`];
  });
}

/** @param {string[]} what @param {number} [limitMs] @returns {Promise<number>} */
function stryker(what, limitMs) {
  const only = what.length > 0 ? ['--mutate', what.join(',')] : [];
  const child = spawn('npx', ['--no-install', 'stryker', 'run', ...only], {
    stdio: 'inherit',
    detached: true,
  });
  const timer = limitMs === undefined ? undefined : setTimeout(giveUp, limitMs);
  let isLate = false;
  function giveUp() {
    isLate = true;
    process.kill(-(child.pid ?? 0), 'SIGTERM');
  }
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      if (isLate)
        console.log(`mutate: not done in ten minutes; the rest: npm run mutate -- ${what.join(' ')}`);
      resolve(isLate ? 0 : (code ?? 1));
    });
  });
}
