import { describe, expect, test } from 'vitest';
import type { ApiObject } from '../src/api/status.ts';
import { createMetrics } from '../src/server/metrics.ts';
import { fakeAgent } from './fakes/fake-backend.ts';

const held = (object: ReturnType<typeof fakeAgent>): ApiObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: '1' },
});

const linesOf = async ({ render }: ReturnType<typeof createMetrics>): Promise<string[]> =>
  (await render()).text.split('\n');

describe('metrics', () => {
  test('count what was done and how long it took, in seconds', async () => {
    const metrics = createMetrics();
    metrics.operation('StartContainer', 'Succeeded', 20);
    metrics.operation('StartContainer', 'Failed', 5_000);
    metrics.reconcile('Agent', 'Done', 2);
    metrics.rollback('default', 'a');
    metrics.podmanCall('inspect', 7);
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'rookery_operations_total{operation="StartContainer",outcome="Succeeded"} 1',
        'rookery_operations_total{operation="StartContainer",outcome="Failed"} 1',
        'rookery_operation_duration_seconds_bucket{le="0.03",operation="StartContainer"} 1',
        'rookery_operation_duration_seconds_sum{operation="StartContainer"} 5.02',
        'rookery_reconcile_total{kind="Agent",outcome="Done"} 1',
        'rookery_reconcile_duration_seconds_bucket{le="0.003",kind="Agent"} 1',
        'rookery_rollbacks_total{namespace="default",agent="a"} 1',
        'rookery_podman_call_duration_seconds_sum{call="inspect"} 0.007',
      ]),
    );
  });

  test('say how the agents are when asked, and forget those that are gone', async () => {
    let agents = [
      held(fakeAgent('a', { status: { restarts: 3 } })),
      held(fakeAgent('b')),
      held(fakeAgent('c', { status: { phase: 'Failed' } })),
    ];
    const metrics = createMetrics({ agents: () => agents, queueDepths: () => ({ Agent: 2 }) });
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        'rookery_agents{phase="Healthy"} 2',
        'rookery_agents{phase="Failed"} 1',
        'rookery_agent_restarts{namespace="default",agent="a"} 3',
        'rookery_queue_depth{kind="Agent"} 2',
      ]),
    );
    agents = agents.slice(1, 2);
    const later = await linesOf(metrics);
    expect(later).toContain('rookery_agents{phase="Healthy"} 1');
    expect(later.join('\n')).not.toMatch(/phase="Failed"|agent="a"/);
  });

  test('tell the version and the process, in the form Prometheus reads', async () => {
    const metrics = createMetrics();
    const text = (await linesOf(metrics)).join('\n');
    expect((await metrics.render()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(text).toMatch(/^rookery_build_info\{version="\d+\.\d+\.\d+"\} 1$/m);
    expect(text).toMatch(/^process_cpu_seconds_total [\d.e-]+$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  test('leave the event loop alone: nothing is sampled that would wake an idle controller', async () => {
    const text = (await linesOf(createMetrics())).join('\n');
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
    expect(text).not.toMatch(/nodejs_eventloop_lag_(min|max|mean|stddev|p\d+)_seconds/);
  });
});
