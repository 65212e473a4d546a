import { setTimeout as sleep } from 'node:timers/promises';
import { type Probing, writeManifests } from './fixtures.ts';
import type { Host } from './host.ts';
import { cpuSecondsOf, pssMb, treeOf } from './processes.ts';
import type { Rookery } from './rookery.ts';

/** The start leaves garbage behind, which V8 collects once, some 30 s later. */
const SETTLE_MS = 45_000;

export interface IdleSample {
  /** Percent of one core. */
  readonly controllerPercent: number;
  /** What Podman's service used; without a controller it is what the machine's noise makes of nothing. */
  readonly servicePercent: number;
  readonly pssMb: number;
}

export type IdleResult = Readonly<Record<'alone' | Probing, IdleSample>>;

export interface IdleOptions {
  readonly agents: number;
  readonly seconds: number;
}

/** The same running agents, looked at by nobody, by a controller, and by a controller that probes them. */
export async function idle(host: Host, rookery: Rookery, options: IdleOptions): Promise<IdleResult> {
  const alone = await measure(host, undefined, options.seconds);
  const watched = async (probing: Probing): Promise<IdleSample> => {
    await writeManifests(rookery.manifestsDir, options.agents, probing);
    const controller = await rookery.run();
    await sleep(SETTLE_MS);
    const sample = await measure(host, controller.pid, options.seconds);
    await controller.stop();
    return sample;
  };
  const result = { alone, none: await watched('none'), tcp: await watched('tcp') };
  await writeManifests(rookery.manifestsDir, options.agents, 'none');
  return result;
}

async function measure(host: Host, controllerPid: number | undefined, seconds: number): Promise<IdleSample> {
  const servicePid = await host.servicePid();
  const read = async () => ({
    service: await cpuSecondsOf(servicePid),
    controller: controllerPid === undefined ? { pids: [], cpuSeconds: 0 } : await treeOf(controllerPid),
    atMs: performance.now(),
  });
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  const percent = (cpuSeconds: number): number => (cpuSeconds / (after.atMs - before.atMs)) * 100_000;
  return {
    controllerPercent: percent(after.controller.cpuSeconds - before.controller.cpuSeconds),
    servicePercent: percent(after.service - before.service),
    pssMb: await pssMb(after.controller.pids),
  };
}
