import type { Action } from '../action.ts';
import type { Context, RunningController } from '../context.ts';
import { CliError, isLocked } from '../errors.ts';
import { showLive } from '../show-live.ts';
import { showPlain } from '../show-plain.ts';
import { createRunLog } from '../run-log.ts';

const FORCED = 130;

/** Is the controller until it is told to stop. */
export const run: Action = async (context) => {
  const { terminal, services, config } = context;
  const ending = whenInterrupted(context);
  const live = terminal.outIsTTY && config.logLevel !== 'debug';
  const { log, warnings, settle } = await createRunLog(context, live);
  const starting = services.startController(config, { log }).catch(explainLock);
  const controller = await Promise.race([starting, ending.then(() => undefined)]);
  if (controller) {
    const show = live ? showLive : showPlain;
    const end = show(context, { controller, warnings });
    await ending;
    end();
    await controller.stop();
  }
  settle();
  terminal.out('stopped; the agents keep running\n');
  return 0;
};

/** Resolves at the first Ctrl-C or SIGTERM; the second one ends the process at once. */
function whenInterrupted({ terminal }: Context): Promise<void> {
  return new Promise((resolve) => {
    let isEnding = false;
    terminal.onInterrupt(() => {
      if (isEnding) terminal.exit(FORCED);
      isEnding = true;
      resolve();
    });
  });
}

function explainLock(error: unknown): RunningController {
  if (!isLocked(error)) throw error;
  throw new CliError(`${error.message}; look at it with: rookery get agents -A, or stop it first`);
}
