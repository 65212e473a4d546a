import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';
import type { AgentStatus, ApiObject } from '../api/status.ts';
import type { SourceStatus } from '../api/source-status.ts';
import { createSourceMetrics } from './source-metrics.ts';
import { VERSION } from './version.ts';

/** What is read when somebody asks, rather than told as it changes. */
export interface MetricsSources {
  readonly agents: () => readonly ApiObject[];
  /** Keys waiting in the queue of each kind. */
  readonly queueDepths: () => Readonly<Record<string, number>>;
  readonly source: () => SourceStatus;
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
  const metrics: Metric[] = [
    ...recorded,
    ...createSampled(sources),
    ...(sources.source ? createSourceMetrics(sources.source) : []),
    createBuildInfo(),
  ];
  for (const metric of metrics) registry.registerMetric(metric);
  let isAsked = false;
  const render: Metrics['render'] = async () => {
    if (!isAsked) collectProcessMetrics(registry);
    isAsked = true;
    return { contentType: registry.contentType, text: await registry.metrics() };
  };
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
    render,
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
  const restarts = new Gauge({
    name: 'rookery_agent_restarts',
    help: 'Restarts after a crash or a failed liveness probe, by agent.',
    labelNames: ['namespace', 'agent'],
    registers: [],
    collect() {
      this.reset();
      for (const agent of agents()) {
        const { namespace, name } = agent.metadata;
        this.set({ namespace, agent: name }, statusOf(agent)?.restarts ?? 0);
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

function createBuildInfo(): Metric {
  const build = new Gauge({
    name: 'rookery_build_info',
    help: 'Always 1; its label says what runs.',
    labelNames: ['version'],
    registers: [],
  });
  build.set({ version: VERSION }, 1);
  return build;
}

/** Measured: every 10 ms, prom-client's own choice, costs an idle controller 0.5 % of a core; once an hour, nothing. */
const LOOP_SAMPLE_MS = 3_600_000;
const LOOP_STATISTICS = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];

/**
 * The names every dashboard knows, without what is sampled: so rarely, it would say nothing. From the first question on:
 * Node tells an observer of every garbage collection, and most controllers are never asked.
 */
function collectProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
  for (const statistic of LOOP_STATISTICS)
    registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`);
}
