import { beforeEach, describe, expect, test } from 'vitest';
import { PodmanError } from '../src/podman/errors.ts';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { healthy, phaseIs, containersOf } = agentsOn(() => host);
const version = (v: string): object => agentManifest('twin', {}, { V: v });

/** The service dies in the next create. */
function cutCreate(): void {
  const { controls } = host.podman;
  controls.beforeCall = ({ method, args }) => {
    if (method !== 'createContainer') return;
    controls.beforeCall = () => undefined;
    controls.leaveGhost((args[0] as { readonly name: string }).name);
    throw new PodmanError('Unreachable', 'socket hang up');
  };
}

describe('the storage of a create that was cut off', () => {
  const cutInUpdate = async (): Promise<void> => {
    await host.apply(version('1'), agentManifest('other'));
    await host.start();
    await healthy('twin', 'other');
    cutCreate();
    await host.apply(version('2'));
    expect(host.podman.controls.ghosts()).toHaveLength(1);
  };

  test('goes by the next try at it', async () => {
    await cutInUpdate();
    await healthy('twin');
    expect(host.podman.controls.ghosts()).toEqual([]);
  });

  test('goes when another revision is asked for by then', async () => {
    await cutInUpdate();
    await host.apply(version('3'));
    await healthy('twin');
    expect(host.podman.controls.ghosts()).toEqual([]);
    expect(containersOf('twin')).toHaveLength(1);
  });

  test('goes when the agent is deleted by then', async () => {
    await cutInUpdate();
    await host.remove('Agent', 'twin');
    await host.until(() => containersOf('twin').length === 0, 60_000);
    expect(host.podman.controls.ghosts()).toEqual([]);
  });

  test.each([
    ['goes later when it cannot be looked at yet', 'inspectContainer', 'Unreachable', 0],
    ['goes later when its removal is cut off too', 'removeContainer', 'Unreachable', 0],
    ['holds nobody up when it will not go', 'removeContainer', 'Other', 1],
  ] as const)('%s', async (_, method, kind, left) => {
    await cutInUpdate();
    const [ghost] = host.podman.controls.ghosts();
    let tries = 0;
    host.podman.controls.beforeCall = (call) => {
      if (call.method !== method || call.args[0] !== ghost) return;
      tries += 1;
      if (tries === 1) throw new PodmanError(kind, 'made up');
    };
    await host.apply(version('3'));
    await healthy('twin');
    expect(host.podman.controls.ghosts()).toHaveLength(left);
    expect(tries).toBeGreaterThan(0);
  });
});

test('a container that was made all the same is not taken for such storage', async () => {
  await host.apply(agentManifest('twin'));
  let isFirst = true;
  host.podman.controls.afterCall = ({ method }) => {
    if (method !== 'createContainer' || !isFirst) return;
    isFirst = false;
    throw new PodmanError('Unreachable', 'socket hang up');
  };
  await host.start();
  await host.until(phaseIs('twin', 'Healthy'), 60_000);
  expect(host.podman.controls.calls.map(({ method }) => method)).not.toContain('removeContainer');
});
