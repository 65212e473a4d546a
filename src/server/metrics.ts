import { Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';
import type { AgentStatus, ApiObject } from '../api/status.ts';
import { VERSION } from './version.ts';

/** What is read when somebody asks, rather than told as it changes. */
export interface MetricsSources {
  readonly agents: () => readonly ApiObject[];
  /** Keys waiting in the queue of each kind. */
  readonly queueDepths: () => Readonly<Record<string, number>>;
}

/** What is told as it happens; the composition root wires each to the place that knows. */
export interface Metrics {
  readonly reconcile: (kind: string, outcome: string, durationMs: number) => void;
  /** A call of a plan that was carried out, such as `CreateContainer`. */
  readonly operation: (operation: string, outcome: string, durationMs: number) => void;
  readonly rollback: (namespace: string, name: string) => void;
  /** Any call to Podman, by its name in our interface. */
  readonly podmanCall: (call: string, durationMs: number) => void;
  readonly render: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

const BUCKETS_SECONDS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

export function createMetrics(sources: Partial<MetricsSources> = {}): Metrics {
  const { reconciles, operations, rollbacks, ...seconds } = createRecorded();
  const registry = new Registry();
  const recorded: Metric[] = [reconciles, operations, rollbacks, ...Object.values(seconds)];
  const metrics: Metric[] = [...recorded, ...createSampled(sources), ...createProcess()];
  for (const metric of metrics) registry.registerMetric(metric);
  return {
    reconcile: (kind, outcome, durationMs) => {
      reconciles.inc({ kind, outcome });
      seconds.reconcileSeconds.observe({ kind }, durationMs / 1000);
    },
    operation: (operation, outcome, durationMs) => {
      operations.inc({ operation, outcome });
      seconds.operationSeconds.observe({ operation }, durationMs / 1000);
    },
    rollback: (namespace, agent) => rollbacks.inc({ namespace, agent }),
    podmanCall: (call, durationMs) => seconds.podmanSeconds.observe({ call }, durationMs / 1000),
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
  new Counter({ name, help, labelNames, registers: [] });

const histogram = <T extends string>(name: string, help: string, label: T): Histogram<T> =>
  new Histogram({ name, help, labelNames: [label], buckets: BUCKETS_SECONDS, registers: [] });

const createRecorded = () => ({
  reconciles: counter('rookery_reconcile_total', 'Reconciles, by kind and outcome.', ['kind', 'outcome']),
  operations: counter('rookery_operations_total', 'Calls of plans that were carried out.', [
    'operation',
    'outcome',
  ]),
  rollbacks: counter('rookery_rollbacks_total', 'Automatic rollbacks, by agent.', ['namespace', 'agent']),
  reconcileSeconds: histogram('rookery_reconcile_duration_seconds', 'How long a reconcile took.', 'kind'),
  operationSeconds: histogram(
    'rookery_operation_duration_seconds',
    'How long an operation of a plan took.',
    'operation',
  ),
  podmanSeconds: histogram(
    'rookery_podman_call_duration_seconds',
    'How long Podman took to answer a call.',
    'call',
  ),
});

function createSampled({ agents = () => [], queueDepths = () => ({}) }: Partial<MetricsSources>) {
  const phases = new Gauge({
    name: 'rookery_agents',
    help: 'Agents, by phase.',
    labelNames: ['phase'],
    registers: [],
    collect() {
      this.reset();
      for (const agent of agents()) this.inc({ phase: statusOf(agent)?.phase ?? 'Unknown' });
    },
  });
  const restarts = new Counter({
    name: 'rookery_restarts_total',
    help: 'Restarts after a crash or a failed liveness probe, by agent.',
    labelNames: ['namespace', 'agent'],
    registers: [],
    collect() {
      this.reset();
      for (const agent of agents()) {
        const { namespace, name } = agent.metadata;
        this.inc({ namespace, agent: name }, statusOf(agent)?.restarts ?? 0);
      }
    },
  });
  const depths = new Gauge({
    name: 'rookery_queue_depth',
    help: 'Keys that wait to be reconciled, by kind.',
    labelNames: ['kind'],
    registers: [],
    collect() {
      for (const [kind, depth] of Object.entries(queueDepths())) this.set({ kind }, depth);
    },
  });
  return [phases, restarts, depths];
}

const statusOf = ({ status }: ApiObject): AgentStatus | undefined => status as AgentStatus | undefined;

/** The names every dashboard knows; prom-client's whole set would keep observers running in an idle controller. */
function createProcess() {
  const build = new Gauge({
    name: 'rookery_build_info',
    help: 'Always 1; its labels say what runs.',
    labelNames: ['version', 'node'],
    registers: [],
  });
  build.set({ version: VERSION, node: process.version }, 1);
  const start = new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start of the controller, in Unix time.',
    registers: [],
  });
  start.set(Math.round(performance.timeOrigin / 1000));
  const memory = new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory.',
    registers: [],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system time.',
    registers: [],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  return [build, start, memory, cpu];
}
