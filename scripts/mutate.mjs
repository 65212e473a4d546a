// npm run mutate: changes the pure core in thousands of small ways, and some test must notice each; docs/mutation.md.
//   npm run mutate                        all of it, in rounds: what a round has found out is kept when it is over
//   npm run mutate -- src/plan/graph.ts   these files
//   npm run mutate -- --since [REF]       the lines that changed since then, for ten minutes; without REF, since the trunk
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import strykerConfig from '../stryker.config.mjs';
import { rangesOf, roundsOf } from './mutation-scope.mjs';

/** Where a change must be noticed. */
const JUDGED = ['src/plan', 'src/state', 'controllers/agent'];
const LONGEST_MS = 600_000;
const EVERYTHING = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'; // git's empty tree

/** About 1,300 mutants, for a quarter of an hour: so much is lost when it is stopped. */
const ROUND_BYTES = 60_000;

/** @type {readonly NodeJS.Signals[]} */
const ENDINGS = ['SIGINT', 'SIGTERM'];

/** With a score that is too low as with one that is high enough; without them it did not end by itself. */
const LAST_WORDS = 'Final mutation score';

const words = process.argv.slice(2);
if (words[0] === '--since') process.exitCode = await mutateSince(words[1] ?? baseOfThisCheckout());
else process.exitCode = await (words.length > 0 ? mutate(words) : mutateAll());

/** The table of the last round has the files of all of them. @returns {Promise<number>} */
async function mutateAll() {
  const sized = JUDGED.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => `${directory}/${name}`),
  )
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, bytes: statSync(file).size }));
  const rounds = roundsOf(sized, ROUND_BYTES);
  let code = 1;
  for (const [index, round] of rounds.entries()) {
    console.log(`mutate: round ${index + 1} of ${rounds.length}: ${round.join(' ')}`);
    const run = await stryker(round);
    if (!run.said.includes(LAST_WORDS)) return 1;
    code = run.code;
  }
  return code;
}

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
  if (ranges.length === 0) {
    console.log(`mutate: no line of ${JUDGED.join(', ')} changed since ${since}`);
    return 0;
  }
  const { code, said, isLate } = await stryker(ranges, LONGEST_MS);
  return isLate ? judgeUnfinished(said, ranges) : code;
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

/** @param {string[]} what @returns {Promise<number>} */
async function mutate(what) {
  return (await stryker(what)).code;
}

/**
 * @param {string[]} what @param {number} [limitMs]
 * @returns {Promise<{ code: number, said: string, isLate: boolean }>} the end of what it said
 */
function stryker(what, limitMs) {
  const child = spawn('npx', ['--no-install', 'stryker', 'run', '--mutate', what.join(',')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    said = `${said}${chunk}`.slice(-10_000);
  });
  let isLate = false;
  const stop = () => void process.kill(-(child.pid ?? 0), 'SIGTERM');
  const late = () => {
    isLate = true;
    stop();
  };
  const timer = limitMs === undefined ? undefined : setTimeout(late, limitMs);
  // In its own process group, where a terminal's Ctrl-C does not reach it.
  for (const signal of ENDINGS) process.once(signal, stop);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      for (const signal of ENDINGS) process.off(signal, stop);
      resolve({ code: code ?? 1, said, isLate });
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
