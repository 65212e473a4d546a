import type { ConvergeView } from '../../api/status.ts';
import { createApiClient } from '../api-client.ts';
import { askHolder, unlessHeld } from '../ask-holder.ts';
import type { Context, RunningController } from '../context.ts';
import type { Input } from '../action.ts';
import { humanDuration, parseDurationMs } from '../duration.ts';
import { type Ending, followConvergence } from '../follow.ts';
import { GROUP_PATH } from '../paths.ts';
import { formatTable, oneLine } from '../table.ts';

const DEFAULT_TIMEOUT = '10m';

/** Asks the controller that runs, else is one for as long as it takes. */
export async function apply(context: Context, { options }: Input): Promise<number> {
  const timeoutMs = parseDurationMs(String(options['timeout'] ?? DEFAULT_TIMEOUT), '--timeout');
  const ending = new AbortController();
  const release = context.terminal.onInterrupt(() => {
    if (ending.signal.aborted) context.terminal.exit(130);
    ending.abort();
  });
  try {
    const driver = await driverOf(context);
    await driver.sync(options['approvePrune'] === true);
    const result = await followConvergence(context, { look: driver.look, timeoutMs, signal: ending.signal });
    await driver.stop();
    return report(context, result);
  } finally {
    release();
  }
}

interface Driver {
  readonly sync: (approvePrune: boolean) => Promise<unknown>;
  readonly look: () => Promise<ConvergeView>;
  readonly stop: () => Promise<void>;
}

async function driverOf(context: Context): Promise<Driver> {
  const attempt = await unlessHeld(context, context.services.startController);
  return 'done' in attempt ? ownDriver(context, attempt.done) : holdersDriver(context, attempt.locked);
}

const ownDriver = ({ config }: Context, { backend, stop }: RunningController): Driver => ({
  // Starting has read the manifests; only an approval is news, or a commit of which it did not wait to hear.
  sync: (approvePrune) => (approvePrune || config.git ? backend.sync({ approvePrune }) : Promise.resolve()),
  look: () => Promise.resolve(backend.convergence()),
  stop,
});

function holdersDriver(context: Context, locked: Error): Driver {
  const api = createApiClient(context.config.apiSocketPath);
  return {
    sync: (approvePrune) =>
      askHolder(context, locked, (holder) => holder.post(`${GROUP_PATH}/sync?approvePrune=${approvePrune}`)),
    look: () => api.get(`${GROUP_PATH}/convergence`),
    stop: () => Promise.resolve(),
  };
}

const HEADLINES: Readonly<Record<Ending, string>> = {
  Converged: 'converged',
  Settled: 'not converged: a person must act',
  TimedOut: 'not converged in time',
  Interrupted: 'interrupted',
};

interface Result {
  readonly ending: Ending;
  readonly view: ConvergeView;
  readonly tookMs: number;
}

function report({ terminal }: Context, { ending, view, tookMs }: Result): number {
  const { healthy, total, waitingFor, problems } = view;
  const outage = outageOf(view);
  if (outage !== undefined) terminal.err(`${oneLine(outage)}\n`);
  for (const problem of problems) terminal.err(`${oneLine(problem)}\n`);
  const rows = waitingFor.map(({ object, phase, message }) => [object, phase, message]);
  if (rows.length > 0) terminal.err(formatTable([['OBJECT', 'PHASE', 'MESSAGE'], ...rows]));
  terminal.out(`${HEADLINES[ending]}: ${healthy}/${total} healthy after ${humanDuration(tookMs)}\n`);
  return ending === 'Converged' && outage === undefined ? 0 : 1;
}

/** A controller outlives an outage of the remote; who asked for its newest commit did not get it. */
const outageOf = ({ source }: ConvergeView): string | undefined =>
  source?.type === 'Git' && source.failure?.reason === 'FetchFailed'
    ? `the remote was not asked: ${source.failure.message}`
    : undefined;
