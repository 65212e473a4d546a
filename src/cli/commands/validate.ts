import { isAbsolute, relative, resolve } from 'node:path';
import { stat } from 'node:fs/promises';
import { validateFiles } from '../../source/validate-files.ts';
import type { ManifestProblem } from '../../state/desired.ts';
import { formatProblem } from '../../state/format-problem.ts';
import { count } from '../count.ts';
import { printable } from '../../terminal.ts';
import type { Context } from '../context.ts';
import type { Input } from '../action.ts';
import { CliError } from '../errors.ts';

export async function validate({ terminal, services, config }: Context, { args }: Input): Promise<number> {
  const paths = args.length > 0 ? args.map((path) => resolve(path)) : [config.manifestsDir];
  for (const path of paths) await assertThere(path);
  const { objects, problems } = await validateFiles(paths, {
    now: () => services.nowMs(),
    ...(config.roots.length > 0 && { roots: config.roots }),
  });
  for (const problem of problems) terminal.out(`${printable(formatProblem(shortened(problem)))}\n\n`);
  const files = new Set(problems.map(({ position }) => position.file));
  if (problems.length > 0) {
    terminal.out(`${count(problems.length, 'error')} in ${count(files.size, 'file')}\n`);
    return 1;
  }
  terminal.out(`${count(objects.size, 'object')}, no errors\n`);
  return 0;
}

async function assertThere(path: string): Promise<void> {
  await stat(path).catch((error: Error) => {
    throw new CliError(`cannot read ${path}: ${error.message}; name a file or directory, or use --manifests`);
  });
}

/** Paths as a person would type them here; an editor and a terminal can still open them. */
function shortened(problem: ManifestProblem): ManifestProblem {
  const { position } = problem;
  const near = relative(process.cwd(), position.file);
  const file = near.startsWith('..') || isAbsolute(near) || near === '' ? position.file : near;
  return { ...problem, position: { ...position, file } };
}
