import type { ActRequest } from '../../src/api/act-request.ts';
import type { ApiObject, ConvergeView, EventObject, PlanView } from '../../src/api/status.ts';
import type { Backend, WatchEvent } from '../../src/server/backend.ts';

export interface FakeBackend extends Backend {
  /** Replaces what is served and tells every watcher. */
  change(news: { agents?: readonly ApiObject[]; view?: ConvergeView; event?: EventObject }): void;
  readonly syncs: { readonly approvePrune: boolean }[];
  readonly acts: { readonly name: string; readonly request: ActRequest }[];
}

export const viewOf = (facts: Partial<ConvergeView> = {}): ConvergeView => ({
  converged: false,
  busy: false,
  total: 2,
  healthy: 0,
  waitingFor: [],
  problems: [],
  ...facts,
});

/** What commands see of a controller; nothing converges unless the test says so. */
export function createFakeBackend(agents: readonly ApiObject[] = [], view = viewOf()): FakeBackend {
  const state = { agents, view };
  const events: EventObject[] = [];
  const watchers = new Set<(event: WatchEvent) => void>();
  const listeners = new Set<(event: EventObject) => void>();
  const syncs: { approvePrune: boolean }[] = [];
  const acts: { name: string; request: ActRequest }[] = [];
  const unused = (): never => {
    throw new Error('not part of this test');
  };
  return {
    syncs,
    acts,
    objects: {
      list: () => ({ resourceVersion: '1', items: state.agents }),
      get: unused,
      watch: (_selector, onChange) => {
        watchers.add(onChange);
        return () => void watchers.delete(onChange);
      },
    },
    events: {
      list: () => events,
      subscribe: (onEvent) => {
        listeners.add(onEvent);
        return () => void listeners.delete(onEvent);
      },
    },
    logs: unused,
    plan: (): Promise<PlanView> => Promise.resolve({ changes: [], problems: [] }),
    diff: () => Promise.resolve({ agents: [], problems: [] }),
    sync: (options) => {
      syncs.push(options);
      return Promise.resolve([]);
    },
    act: (_namespace, name, request) => {
      acts.push({ name, request });
      return Promise.resolve(`${name} hears ${request.action}`);
    },
    exports: () => Promise.resolve([]),
    restore: unused,
    convergence: () => state.view,
    readiness: () => [],
    metrics: unused,
    change: ({ agents: newAgents, view: newView, event }) => {
      state.agents = newAgents ?? state.agents;
      state.view = newView ?? state.view;
      if (event) {
        events.push(event);
        for (const tell of listeners) tell(event);
      }
      const [object] = state.agents;
      if (newAgents && object) for (const tell of watchers) tell({ type: 'MODIFIED', object });
    },
  };
}
