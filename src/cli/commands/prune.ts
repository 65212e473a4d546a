import { findKey } from '../../api/kind-names.ts';
import type { ConvergeView } from '../../api/status.ts';
import { printable } from '../../terminal.ts';
import type { Action } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { GROUP_PATH } from '../paths.ts';
import { structured } from '../structured.ts';
import { formatTable } from '../table.ts';
import { kindOf } from '../targets.ts';

const WAITS = 2;

export const prune: Action = async (context, { args: [action, ...names], options }) => {
  const view = await createApiClient(context.config.apiSocketPath).get<ConvergeView>(
    `${GROUP_PATH}/convergence`,
  );
  const objects = view.pruneBlocked?.objects ?? [];
  if (action === 'list') return list(context, view, options['output'] === 'json');
  if (action !== 'approve') throw new CliError(`unknown action "${action}"; write list or approve`);
  const isAll = options['all'] === true;
  if (isAll === names.length > 0) throw new CliError('say what may be removed: objects by name, or --all');
  return approve(context, isAll ? objects : names.map((name) => waitingOne(context, objects, name)));
};

async function list(
  { terminal }: Context,
  { pruneBlocked, source }: ConvergeView,
  isJson: boolean,
): Promise<number> {
  const { objects = [], message = '' } = pruneBlocked ?? {};
  if (isJson) terminal.out(await structured({ message, objects }, 'json'));
  else if (objects.length === 0) terminal.out('nothing waits for consent\n');
  else {
    terminal.out(formatTable([['OBJECT'], ...objects.map((object) => [object])]));
    terminal.err(`${printable(message)}\n`);
    if (source?.type === 'Git') terminal.err(`${printable(trailerHint(objects))}\n`);
  }
  return objects.length > 0 ? WAITS : 0;
}

/** Whoever may push says so in the newest commit itself. */
const trailerHint = (objects: readonly string[]): string =>
  `Or in git: git commit --allow-empty -m "Agree to the removal" --trailer "Rookery-Approve-Prune: ${objects.join(', ')}"`;

async function approve({ terminal, config }: Context, objects: readonly string[]): Promise<number> {
  if (objects.length === 0) {
    terminal.out('nothing waits for consent\n');
    return 0;
  }
  const query = new URLSearchParams(objects.map((object): [string, string] => ['approve', object]));
  await createApiClient(config.apiSocketPath).post(`${GROUP_PATH}/sync?${query.toString()}`);
  for (const object of objects) terminal.out(`${printable(object)} may be removed\n`);
  return 0;
}

/** Throws `CliError` for what waits for nothing: consent is for one removal, never ahead of it. */
function waitingOne({ config }: Context, objects: readonly string[], name: string): string {
  const object = findKey(name, config.namespace) ?? refuse(name);
  if (objects.includes(object)) return object;
  const known = objects.length === 0 ? 'nothing does' : `these do: ${objects.join(', ')}`;
  throw new CliError(`the removal of ${object} does not wait for consent; ${known}`);
}

function refuse(name: string): never {
  const [word = '', ...steps] = name.split('/');
  if (steps.length > 0) kindOf(word);
  throw new CliError(`"${name}" must be KIND/NAME or KIND/NAMESPACE/NAME`);
}
