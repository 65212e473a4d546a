import { API_VERSION } from '../../src/api/meta.ts';
import type { AgentStatus, ConvergeView, EventObject, PlanView } from '../../src/api/status.ts';
import { conflict } from '../../src/server/errors.ts';
import type { Backend, LogEntry, LogRequest } from '../../src/server/backend.ts';
import { createRegistry, type PublishedObject, type Registry } from '../../src/server/registry.ts';

/** A controller's back without a controller: what it holds is what a test put there. */
export interface FakeBackend extends Backend {
  readonly registry: Registry;
  /** What was asked of it, in order. */
  readonly asked: string[];
  /** What it answers to a person's request; a text that begins with `no` is a refusal. */
  answer: string;
  plans: PlanView;
  converges: ConvergeView;
  ready: ReturnType<Backend['readiness']>;
  /** Lines by `namespace/name`; what is not here has no container. */
  readonly output: Map<string, (request: LogRequest, signal: AbortSignal) => AsyncIterable<LogEntry>>;
  happen(event: EventObject): void;
}

export function createFakeBackend(nowMs = 1_000): FakeBackend {
  const events: EventObject[] = [];
  const listeners = new Set<(event: EventObject) => void>();
  const registry = createRegistry({ nowMs: () => nowMs });
  const fake: FakeBackend = {
    registry,
    objects: registry,
    asked: [],
    answer: 'is done',
    plans: { changes: [], problems: [] },
    converges: { converged: true, busy: false, total: 0, healthy: 0, waitingFor: [], problems: [] },
    ready: [{ check: 'podman', ok: true, message: '' }],
    output: new Map(),
    events: {
      list: (namespace) =>
        events.filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace),
      subscribe: (onEvent) => {
        listeners.add(onEvent);
        return () => void listeners.delete(onEvent);
      },
    },
    happen: (event) => {
      events.push(event);
      for (const tell of listeners) tell(event);
    },
    logs: (namespace, name, request, signal) => {
      fake.asked.push(`logs ${namespace}/${name} ${JSON.stringify(request)}`);
      const open = fake.output.get(`${namespace}/${name}`);
      return open
        ? Promise.resolve(open(request, signal))
        : Promise.reject(new Error(`agent ${namespace}/${name} has no container to read logs from`));
    },
    plan: () => {
      fake.asked.push('plan');
      return Promise.resolve(fake.plans);
    },
    diff: () => Promise.resolve({ agents: [], problems: [] }),
    exports: () =>
      Promise.resolve([
        { volume: 'a/data', file: 'a.data-x.tar', exportedAt: '2026-01-01T00:00:00.000Z', sizeBytes: 1 },
      ]),
    restore: (namespace, name, from = 'the newest') => {
      fake.asked.push(`restore ${namespace}/${name} from ${from}`);
      return Promise.resolve('restored');
    },
    sync: ({ approvePrune, approve = [] }) => {
      fake.asked.push(['sync', ...(approvePrune ? ['approving'] : []), ...approve].join(', '));
      return Promise.resolve(fake.converges.problems);
    },
    act: (namespace, name, request) => {
      fake.asked.push(`${namespace}/${name} ${JSON.stringify(request)}`);
      return fake.answer.startsWith('no')
        ? Promise.reject(conflict(fake.answer))
        : Promise.resolve(`${name} ${fake.answer}`);
    },
    convergence: () => fake.converges,
    readiness: () => fake.ready,
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'rookery_up 1\n' }),
  };
  return fake;
}

export const lines = (...texts: string[]): (() => AsyncIterable<LogEntry>) =>
  async function* () {
    for (const text of texts) yield { stream: 'stdout', text, atMs: Date.UTC(2026, 0, 1) } as const;
  };

export const CREATED_AT = '2026-01-01T00:00:00.000Z';

interface AgentParts {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: object;
  readonly status?: Partial<AgentStatus>;
}

export function fakeAgent(name: string, parts: AgentParts = {}): PublishedObject {
  const { namespace = 'default', labels, spec = {}, status = {} } = parts;
  return {
    apiVersion: API_VERSION,
    kind: 'Agent',
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      generation: 1,
      creationTimestamp: CREATED_AT,
      ...(labels && { labels }),
    },
    spec: { layer: 1, required: true, dependsOn: [], ...spec },
    status: {
      phase: 'Healthy',
      reason: 'Healthy',
      message: '',
      observedGeneration: 1,
      currentRevision: '3f9c21ab',
      ready: true,
      restarts: 0,
      revisions: [],
      conditions: [],
      ...status,
    },
  };
}

let eventVersion = 0;

export function fakeEvent(name: string, parts: Partial<EventObject> = {}): EventObject {
  eventVersion += 1;
  return {
    metadata: {
      name: `${name}.${eventVersion}`,
      namespace: 'default',
      resourceVersion: String(eventVersion),
    },
    involvedObject: { kind: 'Agent', namespace: 'default', name },
    type: 'Normal',
    reason: 'Started',
    message: 'container started',
    count: 1,
    firstTimestamp: CREATED_AT,
    lastTimestamp: CREATED_AT,
    ...parts,
  };
}
