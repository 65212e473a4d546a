import { NAMESPACE, type SimulatedHost } from './simulated-host.ts';

const WRITES = /^(create|start|stop|kill|remove|rename|update|connect|disconnect)/;

/** What tests ask of the agents on the host of the test that runs. */
export function agentsOn(host: () => SimulatedHost) {
  const phaseIs = (name: string, phase: string) => (): boolean => host().status(name)?.phase === phase;
  const containersOf = (name: string) =>
    host()
      .podman.controls.containers()
      .filter((container) => container.name.startsWith(`${NAMESPACE}.${name}-`));
  return {
    phaseIs,
    containersOf,
    /** Names of the containers that run. */
    upOf: (name: string): string[] =>
      containersOf(name)
        .filter(({ state }) => state === 'running')
        .map((container) => container.name),
    /** The calls that change something. */
    writes: (): string[] =>
      host()
        .podman.controls.calls.map(({ method }) => method)
        .filter((method) => WRITES.test(method)),
    /** Waits for them, and forgets the calls that led there. */
    healthy: async (...names: string[]): Promise<void> => {
      for (const name of names) await host().until(phaseIs(name, 'Healthy'), 300_000);
      host().podman.controls.calls = [];
    },
  };
}
