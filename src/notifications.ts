import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentStatus, ApiObject } from './api/status.ts';
import type { Config } from './config.ts';
import { systemClock } from './manager/clock.ts';
import type { Log } from './manager/reconciler.ts';
import { type Notifier, startNotifier } from './notify/notifier.ts';
import { createSend } from './notify/send.ts';
import { parseSettings, type Target } from './notify/settings.ts';
import type { Reason, Standing } from './notify/trouble.ts';
import { withoutValues } from './redact.ts';
import type { Backend } from './server/backend.ts';

export interface Notifying {
  readonly backend: Backend;
  /** Every value that a Secret holds now. */
  readonly secretValues: () => readonly string[];
  readonly log: Log;
}

/** Nothing without `--notify`. Throws when its file does not say what it should. */
export async function startNotifications(
  { notifyFile, stateDir }: Config,
  { backend, secretValues, log }: Notifying,
): Promise<Pick<Notifier, 'close'> | undefined> {
  if (notifyFile === undefined) return undefined;
  const targets = await readTargets(notifyFile);
  return startNotifier({
    sends: targets.map(createSend),
    standings: () => standingsOf(backend),
    redact: (text) => withoutValues(text, secretValues()),
    file: join(stateDir, 'notifications.json'),
    clock: systemClock,
    warn: log.warn.bind(log),
  });
}

async function readTargets(file: string): Promise<readonly Target[]> {
  try {
    return parseSettings(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`--notify ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** The agents that are in trouble or well, and the guard of removals. */
export function standingsOf(backend: Pick<Backend, 'objects' | 'convergence'>): Standing[] {
  const { problems, waitingFor } = backend.convergence();
  const blocked = problems.find((problem) => problem.startsWith('PruneBlocked'));
  const source: Standing = {
    object: 'Source/default/manifests',
    state: blocked ? { type: 'Trouble', reason: 'PruneBlocked', message: blocked } : { type: 'Well' },
  };
  const agents = backend.objects.list('Agent').items.map(agentStanding);
  const known = new Set(agents.map(({ object }) => object));
  // After a start not every agent was looked at yet: what was told of it stays.
  const unseen = waitingFor
    .filter(({ object }) => !known.has(object))
    .map(({ object }): Standing => ({ object, state: { type: 'Between' } }));
  return [source, ...agents, ...unseen];
}

const TROUBLES: Readonly<Record<string, Reason>> = {
  Degraded: 'Degraded',
  RollingBack: 'RolledBack',
  RolledBack: 'RolledBack',
  Failed: 'Failed',
};
const WELL: ReadonlySet<string> = new Set(['Healthy', 'Completed']);

/** One that is on its way says nothing yet: what was told of it stays as it is. */
function agentStanding({ metadata, status }: ApiObject): Standing {
  const { phase = '', message = '' } = (status ?? {}) as Partial<AgentStatus>;
  const object = `Agent/${metadata.namespace}/${metadata.name}`;
  const reason = TROUBLES[phase];
  if (reason) return { object, state: { type: 'Trouble', reason, message } };
  return { object, state: WELL.has(phase) ? { type: 'Well' } : { type: 'Between' } };
}
