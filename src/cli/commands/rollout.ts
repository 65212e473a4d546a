import { nearest } from '../../source/suggest.ts';
import { printable } from '../../terminal.ts';
import type { Action, Input } from '../action.ts';
import { type Context, wait } from '../context.ts';
import { parseDurationMs } from '../duration.ts';
import { CliError } from '../errors.ts';
import { type AgentObject, askAgent, findAgent } from '../find-agent.ts';
import { historyTable, revisionText } from '../history.ts';
import { rolloutVerdict } from '../rollout-verdict.ts';
import { structured } from '../structured.ts';

const ASKED = ['undo', 'pause', 'resume', 'approve', 'abort', 'retry', 'restart'] as const;
export const ROLLOUT_ACTIONS = ['status', 'history', ...ASKED] as const;
type RolloutAction = (typeof ROLLOUT_ACTIONS)[number];

export const rollout: Action = async (context, given) => {
  const input = giveBackAgent(given);
  const [word = '', agent] = input.args;
  const action = actionOf(word);
  await refuseForeignOptions(context, action, input.options);
  if (agent === undefined)
    throw new CliError(`rollout ${action} needs an agent, such as: rookery rollout ${action} coordinator`);
  if (action === 'status') return status(context, agent, input.options);
  if (action === 'history') return history(context, agent, input.options);
  const toRevision = input.options['toRevision'];
  const body = { action, ...(typeof toRevision === 'string' && { toRevision }) };
  return askAgent(context, agent, { subresource: 'rollout', body });
};

const WATCH: ReadonlySet<unknown> = new Set([undefined, true, 'true', 'false']);

/** As kubectl's, `-w` takes no value but after `=`: the word that follows it is the agent. */
function giveBackAgent({ args, options }: Input): Input {
  const { watch } = options;
  if (WATCH.has(watch)) return { args, options };
  if (args.length > 1) throw new CliError(`--watch "${String(watch)}": must be true or false`);
  return { args: [...args, String(watch)], options: { ...options, watch: true } };
}

function actionOf(word: string): RolloutAction {
  const action = ROLLOUT_ACTIONS.find((one) => one === word);
  if (action) return action;
  const close = nearest(word, ROLLOUT_ACTIONS);
  const hint = close === undefined ? '' : ` (did you mean "${close}"?)`;
  throw new CliError(`unknown action "${word}"${hint}; known are ${ROLLOUT_ACTIONS.join(', ')}`);
}

/** Option → the actions that it means something to. */
const OWNERS: Readonly<
  Record<string, { readonly flag: string; readonly actions: readonly RolloutAction[] }>
> = {
  watch: { flag: 'watch', actions: ['status'] },
  timeout: { flag: 'timeout', actions: ['status'] },
  revision: { flag: 'revision', actions: ['history'] },
  output: { flag: 'output', actions: ['history'] },
  toRevision: { flag: 'to-revision', actions: ['undo'] },
};

/** One that the environment sets is meant for other commands. */
async function refuseForeignOptions(
  { services }: Context,
  action: RolloutAction,
  options: Input['options'],
): Promise<void> {
  const variable = await services.variables();
  for (const [name, { flag, actions }] of Object.entries(OWNERS)) {
    const isSetForAll = variable(`ROOKERY_${flag.toUpperCase().replace('-', '_')}`) === options[name];
    if (options[name] !== undefined && !isSetForAll && !actions.includes(action))
      throw new CliError(`--${flag} is for rollout ${actions.join(', ')}, not for rollout ${action}`);
  }
}

const LOOK_EVERY_MS = 250;
const UNDER_WAY = 2;

async function status(context: Context, agent: string, options: Input['options']): Promise<number> {
  const { timeout, watch } = options;
  const endsAtMs =
    typeof timeout === 'string'
      ? context.services.nowMs() + parseDurationMs(timeout, '--timeout')
      : Number.POSITIVE_INFINITY;
  let said = '';
  for (;;) {
    const { kind, text } = rolloutVerdict(await findAgent(context, agent));
    if (text !== said) context.terminal.out(`${printable(text)}\n`);
    said = text;
    if (kind !== 'UnderWay') return kind === 'Done' ? 0 : 1;
    if (watch === 'false') return UNDER_WAY;
    if (context.services.nowMs() >= endsAtMs)
      throw new CliError(
        `the rollout of ${agent} was not over after ${String(timeout)}; look at it with: rookery describe agent ${agent}`,
      );
    await wait(context, LOOK_EVERY_MS);
  }
}

async function history(context: Context, word: string, options: Input['options']): Promise<number> {
  const agent = await findAgent(context, word);
  const { terminal, services } = context;
  const wanted = options['revision'];
  const revision = typeof wanted === 'string' ? revisionOf(agent, wanted) : undefined;
  const all = agent.status?.revisions ?? [];
  if (options['output'] !== undefined) {
    terminal.out(await structured(revision ?? all, String(options['output'])));
    return 0;
  }
  terminal.out(`agent/${agent.metadata.name}\n`);
  terminal.out(
    revision ? revisionText(revision, agent.status) : historyTable(agent.status, services.nowMs()),
  );
  return 0;
}

function revisionOf({ metadata, status: { revisions = [] } = {} as never }: AgentObject, wanted: string) {
  const found = revisions.find(({ id }) => id.startsWith(wanted));
  if (found) return found;
  const known = revisions.map(({ id }) => id).join(', ') || 'none yet';
  throw new CliError(`agent "${metadata.name}" has no kept revision ${wanted}; kept are ${known}`);
}
