import type { Action } from '../action.ts';
import type { Context, RunningController } from '../context.ts';
import { CliError, isLocked } from '../errors.ts';
import { createRunLog, type RunLog } from '../run-log.ts';
import { showJournal } from '../show-journal.ts';
import { type Show, showLive } from '../show-live.ts';
import { showPlain } from '../show-plain.ts';
import { summaryOf, tellManager } from '../tell-manager.ts';

const FORCED = 130;

/** Is the controller until it is told to stop. */
export const run: Action = async (context) => {
  const { terminal, services, config } = context;
  const ending = whenInterrupted(context);
  const live = terminal.outIsTTY && config.logLevel !== 'debug';
  const runLog = await createRunLog(context, live);
  const { log, settle } = runLog;
  const starting = services.startController(config, { log }).catch(explainLock);
  const controller = await Promise.race([starting, ending.asked.then(() => undefined)]);
  if (controller) {
    const end = show(context, { controller, runLog, live });
    const leave = await serve(context, controller, { runLog, ending });
    await ending.asked;
    await leave();
    end();
    await controller.stop();
  }
  settle();
  const said = 'stopped; the agents keep running';
  if (config.logFormat === 'journal') log.info({}, said);
  else terminal.out(`${said}\n`);
  return 0;
};

interface Shown {
  readonly controller: RunningController;
  readonly runLog: RunLog;
  readonly live: boolean;
}

function show(context: Context, { controller, runLog, live }: Shown): () => void {
  const shown: Show = { controller, warnings: runLog.warnings };
  if (live) return showLive(context, shown);
  return context.config.logFormat === 'journal'
    ? showJournal(controller.backend, runLog.log)
    : showPlain(context, shown);
}

interface Serving {
  readonly runLog: RunLog;
  readonly ending: Ending;
}

/** Under a service manager: says when it is ready, how things stand, and reads everything anew on SIGHUP. */
async function serve(
  { services, config }: Context,
  controller: RunningController,
  { runLog: { log }, ending }: Serving,
): Promise<() => Promise<void>> {
  const { serviceManager } = config;
  if (!serviceManager) return () => Promise.resolve();
  const notify = await services.createNotify((reason) => log.warn({ reason }, 'cannot tell systemd'));
  const { backend } = controller;
  await notify({ type: 'Ready', status: summaryOf(backend.convergence()) });
  const end = tellManager({ services, controller, notify, log, ...serviceManager });
  ending.onReload(async () => {
    await notify({ type: 'Reloading' });
    await backend.sync({ approvePrune: false }).catch((error: unknown) => {
      log.error({ err: error }, 'could not read the manifests');
    });
    log.info({}, 'reloaded');
    await notify({ type: 'Ready', status: summaryOf(backend.convergence()) });
  });
  return async () => {
    end();
    await notify({ type: 'Stopping' });
  };
}

interface Ending {
  /** Resolves at the first Ctrl-C or SIGTERM; the second one ends the process at once. */
  readonly asked: Promise<void>;
  /** From now on SIGHUP means this, and no end. */
  onReload(reload: () => Promise<void>): void;
}

function whenInterrupted({ terminal, config }: Context): Ending {
  let reload: (() => Promise<void>) | undefined;
  let reloading = Promise.resolve();
  const asked = new Promise<void>((resolve) => {
    let isEnding = false;
    terminal.onInterrupt((signal) => {
      // Before it is ready a service has nothing to reload: it reads everything anyway.
      if (signal === 'SIGHUP' && config.serviceManager) {
        if (reload) reloading = reloading.then(reload);
        return;
      }
      if (isEnding) terminal.exit(FORCED);
      isEnding = true;
      resolve();
    });
  });
  return { asked, onReload: (callback) => void (reload = callback) };
}

function explainLock(error: unknown): RunningController {
  if (!isLocked(error)) throw error;
  throw new CliError(`${error.message}; look at it with: rookery get agents -A, or stop it first`);
}
