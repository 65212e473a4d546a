// npm run mutate: changes the pure core in thousands of small ways, and some test must notice each; docs/mutation.md.
//   npm run mutate                        all of it
//   npm run mutate -- src/plan/graph.ts   these files
//   npm run mutate -- --since [REF]       the lines that changed since then, for ten minutes; without REF, since the trunk
import { spawn, spawnSync } from 'node:child_process';
import strykerConfig from '../stryker.config.mjs';

/** Where a change must be noticed. */
const JUDGED = ['src/plan', 'src/state', 'controllers/agent'];
const LONGEST_MS = 600_000;
const EVERYTHING = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'; // git's empty tree

const [first, ref, ...rest] = process.argv.slice(2);
if (first === '--since') process.exitCode = await mutateSince(ref ?? baseOfThisCheckout());
else process.exitCode = await stryker([first, ref, ...rest].filter((file) => file !== undefined));

/** @param {string | undefined} since @returns {Promise<number>} */
async function mutateSince(since) {
  const diff = since && git('diff', '--unified=0', '--diff-filter=AMR', since, '--', ...JUDGED);
  if (diff === undefined) {
    console.log(
      'mutate: NOTHING WAS MUTATED: this checkout has no commit to compare with; fetch more of its history',
    );
    return 0;
  }
  const ranges = rangesOf(diff);
  if (ranges.length > 0) return stryker(ranges, LONGEST_MS);
  console.log(`mutate: no line of ${JUDGED.join(', ')} changed since ${since}`);
  return 0;
}

/** Where a branch left the trunk, and on the trunk the commit before. @returns {string | undefined} */
function baseOfThisCheckout() {
  const head = git('rev-parse', 'HEAD');
  const forks = ['origin/main', 'main'].map((trunk) => git('merge-base', 'HEAD', trunk));
  const fork = forks.find((commit) => commit !== undefined && commit !== head);
  if (fork !== undefined) return fork;
  if (git('rev-parse', '--is-shallow-repository') !== 'true') return parentOf() ?? EVERYTHING;
  return parentOf() ?? (git('fetch', '--quiet', '--deepen=1') === undefined ? undefined : parentOf());
}

function parentOf() {
  return git('rev-parse', '--verify', '--quiet', 'HEAD~1');
}

/** What git says, and nothing where it fails. @param {string[]} args */
function git(...args) {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return status === 0 ? stdout.trim() : undefined;
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
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    said = `${said}${chunk}`.slice(-10_000);
  });
  let isLate = false;
  const timer =
    limitMs === undefined
      ? undefined
      : setTimeout(() => {
          isLate = true;
          process.kill(-(child.pid ?? 0), 'SIGTERM');
        }, limitMs);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(isLate ? judgeUnfinished(said, what) : (code ?? 1));
    });
  });
}

/** By what was tried until then. @param {string} said @param {string[]} what @returns {number} */
function judgeUnfinished(said, what) {
  const [, tested = '0', all = '?', survived = '0'] =
    [...said.matchAll(/(\d+)\/(\d+) tested \((\d+) survived/g)].at(-1) ?? [];
  const score = Number(tested) === 0 ? 100 : 100 * (1 - Number(survived) / Number(tested));
  console.log(
    `mutate: stopped after ten minutes with ${tested} of ${all} mutants tried: ${score.toFixed(1)} %.`,
  );
  console.log(`The rest: npm run mutate -- ${what.join(' ')}`);
  return score < strykerConfig.thresholds.break ? 1 : 0;
}
