import { HOLDER_ROLE, labels } from '../../src/api/labels.ts';
import { NAMESPACE, type SimulatedHost } from './simulated-host.ts';

/** What somebody saw who asked an agent by its name again and again. */
export interface Answers {
  /** Revisions in the order in which they first answered. */
  readonly revisions: readonly string[];
  /** In which phase each of them answered first. */
  readonly since: Readonly<Record<string, string>>;
  readonly failures: number;
  /** Ordinals that answered last. */
  readonly ordinals: readonly number[];
}

const EVERY_MS = 100;

/** Who would answer a request now: each replica in the holder's route. */
export async function answering(host: SimulatedHost, name: string) {
  const all = host.podman.controls
    .containers()
    .filter(({ labels: found }) => found[labels.name] === name && found[labels.namespace] === NAMESPACE);
  const holder = all.find(
    ({ labels: found, state }) => found[labels.role] === HOLDER_ROLE && state === 'running',
  );
  const route = holder ? await host.podman.controls.traffic.read(holder) : [];
  return route.map((address) =>
    all.find(({ networks, state }) => state === 'running' && Object.values(networks).includes(address)),
  );
}

/** A label of each of them, sorted. */
export const labelsOf = async (host: SimulatedHost, name: string, label: string): Promise<string[]> =>
  (await answering(host, name)).map((one) => one?.labels[label] ?? 'nobody').sort();

/** Asks again and again while time goes by, until the condition holds. */
export async function ask(
  host: SimulatedHost,
  name: string,
  { until, limitMs = 300_000 }: { readonly until: () => boolean; readonly limitMs?: number },
): Promise<Answers> {
  const since: Record<string, string> = {};
  let failures = 0;
  let ordinals: number[] = [];
  for (let passedMs = 0; ; passedMs += EVERY_MS) {
    const found = await answering(host, name);
    const good = found.filter(
      (one) => one !== undefined && host.podman.controls.isReady(one.id) && one.state === 'running',
    );
    if (found.length === 0 || good.length < found.length) failures += 1;
    for (const one of good) {
      const revision = one?.labels[labels.revision] ?? '';
      since[revision] ??= host.status(name)?.phase ?? '';
    }
    ordinals = good.map((one) => Number(one?.labels[labels.ordinal])).sort((left, right) => left - right);
    if (until()) return { revisions: Object.keys(since), since, failures, ordinals };
    if (passedMs > limitMs) throw new Error(`not within ${limitMs} ms: ${JSON.stringify(host.status(name))}`);
    await host.clock.advance(EVERY_MS);
  }
}
