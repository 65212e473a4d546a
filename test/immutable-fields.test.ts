import { beforeEach, describe, expect, test } from 'vitest';
import type { ObjectStatus } from '../src/api/status.ts';
import { createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;
beforeEach(async () => {
  host = await createSimulatedHost();
});

type Shared = 'Network' | 'Volume';

const manifest = (kind: Shared, spec: object): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind,
  metadata: { name: 'x', namespace: NAMESPACE },
  spec,
});
const statusOf = (kind: Shared): ObjectStatus | undefined =>
  host.engine().backend.objects.get(kind, NAMESPACE, 'x')?.status;

describe('what Podman cannot change in place is told, and is well again when it is taken back', () => {
  test.each([
    ['Network', 'dns', { dns: true }, { dns: false }, 'dns true → false'],
    ['Network', 'an option', {}, { options: { mtu: '1400' } }, 'option mtu none → 1400'],
    ['Network', 'internal', {}, { internal: true }, 'internal false → true'],
    ['Volume', 'driver', {}, { driver: 'image' }, 'driver local → image'],
    [
      'Volume',
      'owner',
      { owner: { uid: 1, gid: 1 } },
      { owner: { uid: 2, gid: 1 } },
      'option o uid=1,gid=1 → uid=2,gid=1',
    ],
    ['Volume', 'an option', {}, { options: { type: 'tmpfs' } }, 'option type none → tmpfs'],
  ] as const)('%s: %s', async (kind, _what, before, after, words) => {
    await host.apply(manifest(kind, before));
    await host.start();
    await host.until(() => statusOf(kind)?.phase === 'Ready', 10_000);
    await host.apply(manifest(kind, after));
    await host.until(() => statusOf(kind)?.phase === 'Stalled', 10_000);
    expect(statusOf(kind)?.conditions[0]?.reason).toBe('ImmutableField');
    expect(statusOf(kind)?.message).toContain(`cannot change in place (${words})`);
    await host.apply(manifest(kind, before));
    await host.until(() => statusOf(kind)?.phase === 'Ready', 10_000);
  });
});
