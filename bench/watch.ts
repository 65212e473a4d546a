import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';

export interface WatchedAgent {
  readonly phase: string;
  readonly ready: boolean;
  readonly restarts: number;
  readonly currentRevision?: string;
}

/** What the controller says of its agents, as it says it: polling so many would be work of its own. */
export interface AgentWatch {
  /** Resolves as soon as it holds of them all, by name. */
  until(holds: (agents: ReadonlyMap<string, WatchedAgent>) => boolean, what: string): Promise<void>;
  status(name: string): WatchedAgent | undefined;
  close(): void;
}

interface Line {
  readonly type: string;
  readonly object: { readonly metadata: { readonly name: string }; readonly status?: WatchedAgent };
}

const DEADLINE_MS = 120_000;

export async function watchAgents(socketPath: string): Promise<AgentWatch> {
  const agents = new Map<string, WatchedAgent>();
  const waiters = new Set<() => void>();
  const path = '/apis/rookery.dev/v1alpha1/namespaces/bench/agents?watch=true';
  const asked = request({ socketPath, path }, (response) => {
    const lines = createInterface({ input: response });
    lines.on('error', () => undefined);
    lines.on('line', (text) => {
      const { type, object } = JSON.parse(text) as Line;
      if (type === 'DELETED') agents.delete(object.metadata.name);
      else if (object.status) agents.set(object.metadata.name, object.status);
      for (const look of waiters) look();
    });
  });
  asked.on('error', () => undefined).end();
  await once(asked, 'response');
  return {
    until: (holds, what) =>
      new Promise((resolve, reject) => {
        const end = (outcome: () => void): void => {
          clearTimeout(timer);
          waiters.delete(look);
          outcome();
        };
        const look = (): void => {
          if (holds(agents)) end(resolve);
        };
        const late = new Error(`waited ${DEADLINE_MS / 1000} s for ${what}`);
        const timer = setTimeout(() => end(() => reject(late)), DEADLINE_MS);
        waiters.add(look);
        look();
      }),
    status: (name) => agents.get(name),
    close: () => asked.destroy(),
  };
}
