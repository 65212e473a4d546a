// Checks the import rules of .dependency-cruiser.cjs, and what no import shows: that pure code asks nobody for the
// time, and that one file alone reads the environment. Says `N files, no violation`, or every violation.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOTS = ['src', 'controllers'];

/** @type {{ name: string, files: RegExp, except?: RegExp, pattern: RegExp }[]} */
const TEXT_RULES = [
  {
    name: 'one-reader-of-the-environment (src/config.ts)',
    files: /^(src|controllers)\//,
    except: /^src\/config\.ts$/,
    pattern: /\bprocess\.env\b/,
  },
  {
    name: 'time-and-chance-are-arguments',
    files: /^(src\/(api|state|plan)|controllers)\//,
    pattern:
      /\b(Date\.now|Math\.random|performance\.now|randomUUID|randomBytes)\(|\bnew Date\(\)|\bset(Timeout|Interval|Immediate)\(/,
  },
];

/** @param {string} root @returns {Promise<string[]>} */
async function typescriptFiles(root) {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** @returns {Promise<{ modules: { source: string }[], summary: { violations: { from: string, to: string, rule: { name: string, severity: string } }[] } }>} */
async function cruise() {
  const bin = join('node_modules', 'dependency-cruiser', 'bin', 'dependency-cruise.mjs');
  const args = [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...ROOTS];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 256 * 2 ** 20 });
  return JSON.parse(stdout);
}

/**
 * A cruiser that cannot read TypeScript finds no module and no violation: that must not pass.
 * @param {readonly string[]} files @param {readonly { source: string }[]} modules
 */
function unseen(files, modules) {
  const seen = new Set(modules.map((module) => module.source));
  return files.filter((file) => !seen.has(file)).map((file) => `not-looked-at: ${file}`);
}

/** @param {string} file @returns {Promise<string[]>} */
async function textViolations(file) {
  const lines = (await readFile(file, 'utf8')).split('\n');
  const rules = TEXT_RULES.filter((rule) => rule.files.test(file) && !rule.except?.test(file));
  return rules.flatMap(({ name, pattern }) =>
    lines.flatMap((line, index) =>
      pattern.test(line) && !/^\s*(\/\/|\/?\*)/.test(line) ? [`${name}: ${file}:${index + 1}`] : [],
    ),
  );
}

const files = (await Promise.all(ROOTS.map(typescriptFiles))).flat();
const { modules, summary } = await cruise();
const violations = [
  ...summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`),
  ...unseen(files, modules),
  ...(await Promise.all(files.map(textViolations))).flat(),
];
if (files.length === 0) violations.push('no file found: run this from the top of the repository');
for (const violation of violations) console.error(violation);
if (violations.length > 0) process.exit(1);
console.log(`${files.length} files, no violation`);
