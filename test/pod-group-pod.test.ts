import { beforeEach, describe, expect, test } from 'vitest';
import type { CreateContainer } from '../src/podman/podman.ts';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { phaseIs, writes, healthy } = agentsOn(() => host);
const group = (spec: object = {}): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'PodGroup',
  metadata: { name: 'core', namespace: NAMESPACE },
  spec,
});

describe('the pod of a group', () => {
  test('that changes is a new pod: its members follow and nothing stays behind', async () => {
    const onPort = (hostPort: number): object => group({ ports: [{ containerPort: 80, hostPort }] });
    await host.apply(
      onPort(6000),
      agentManifest('left', { podGroup: 'core' }),
      agentManifest('right', { podGroup: 'core' }),
    );
    await host.start();
    await healthy('left', 'right');
    const [before] = await host.podman.listPods({});
    await host.apply(onPort(6001));
    await host.clock.advance(1_000);
    await host.until(() => phaseIs('left', 'Healthy')() && phaseIs('right', 'Healthy')(), 300_000);
    const pods = await host.podman.listPods({});
    expect(pods).toHaveLength(1);
    expect(pods[0]?.name).not.toBe(before?.name);
    expect(host.running()).toHaveLength(2);
    expect(host.podman.controls.containers()).toHaveLength(2);
  });

  test.each([
    ['told', [0]],
    ['not told', []],
  ])('whose infra died, %s by an event, is made anew, members too', async (_told, delivery) => {
    await host.apply(group(), agentManifest('left', { podGroup: 'core' }));
    await host.start();
    await healthy('left');
    const [pod] = await host.podman.listPods({});
    host.podman.controls.setDelivery(() => delivery);
    host.podman.controls.killInfra(pod?.name ?? '');
    await host.clock.advance(60_000);
    const [anew] = await host.podman.listPods({});
    expect(anew?.id).not.toBe(pod?.id);
    expect(host.running()).toHaveLength(1);
    await host.until(phaseIs('left', 'Healthy'), 300_000);
  });

  test('stays, when a member starts between the look at the pods and the look at their members', async () => {
    await host.apply(group(), agentManifest('left', { podGroup: 'core' }));
    await host.start();
    await healthy('left');
    const { controls } = host.podman;
    const [pod] = await host.podman.listPods({});
    const [member] = host.podman.controls.containers();
    controls.kill(member?.id ?? '', 1);
    await controls.byHand.stopContainer(pod?.infraId ?? '', 1);
    let listed = (): void => undefined;
    const isListed = new Promise<void>((resolve) => {
      listed = resolve;
    });
    controls.beforeCall = ({ method }) => (method === 'startContainer' ? isListed : undefined);
    controls.afterCall = async ({ method }) => {
      if (method !== 'listPods') return;
      listed();
      await host.clock.settle();
    };
    await host.clock.advance(60_000);
    expect((await host.podman.listPods({})).map(({ id, infraState }) => [id, infraState])).toEqual([
      [pod?.id, 'running'],
    ]);
    expect(host.podman.controls.containers().map(({ id, state }) => [id, state])).toEqual([
      [member?.id, 'running'],
    ]);
    expect(writes()).not.toContain('removePod');
  });

  test('stays, without its manifest, as long as a person has a container in it', async () => {
    await host.apply(group(), agentManifest('left', { podGroup: 'core' }), agentManifest('other'));
    await host.start();
    await host.until(phaseIs('left', 'Healthy'), 300_000);
    const { controls } = host.podman;
    const [pod] = await host.podman.listPods({});
    const theirs = await intrude();
    await host.remove('Agent', 'left');
    await host.remove('PodGroup', 'core');
    await host.clock.advance(60_000);
    expect(controls.containers().some(({ name }) => name === 'theirs')).toBe(true);
    const failures = host
      .store()
      .events.list()
      .filter(({ reason }) => reason === 'ReconcileFailed');
    expect(failures.map(({ message }) => message)).toEqual([
      `pod ${pod?.name} goes once container theirs, which is not ours, is out of it: podman rm -f theirs, if it is yours`,
    ]);
    await controls.byHand.removeContainer(theirs);
    await host.clock.advance(180_000);
    expect(await host.podman.listPods({})).toEqual([]);
  });
});

/** What `podman run --pod` does. */
async function intrude(): Promise<string> {
  const { byHand, calls } = host.podman.controls;
  const ours = calls
    .filter(({ method }) => method === 'createContainer')
    .map(({ args }) => args[0] as CreateContainer)
    .find(({ template }) => template.network.mode === 'pod');
  if (!ours) throw new Error('nobody is in a pod');
  const { id } = await byHand.createContainer({ ...ours, name: 'theirs', labels: {} });
  await byHand.startContainer(id);
  return id;
}
