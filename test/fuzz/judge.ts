import { DNS_LABEL } from '../../src/api/dns-label.ts';
import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import { labels } from '../../src/api/labels.ts';
import type { Agent } from '../../src/api/agent.ts';
import { formatPlan, type Plan } from '../../src/plan/operation.ts';
import { planAgent } from '../../src/plan/plan-agent.ts';
import { containerSpec } from '../../src/podman/spec.ts';
import { assemble } from '../../src/source/assemble.ts';
import { loadBytes } from '../../src/source/load.ts';
import {
  type DesiredObject,
  desiredOf,
  type ManifestProblem,
  type Snapshot,
} from '../../src/state/desired.ts';
import { differences } from '../../src/state/differences.ts';
import { formatProblem } from '../../src/state/format-problem.ts';
import { withDefaultNetworks } from '../../src/state/implicit.ts';
import { ownerLabels } from '../../src/state/names.ts';
import type { Provision } from '../../src/state/provision.ts';
import { resolveAgent } from '../../src/state/resolve.ts';
import { createRevision } from '../../src/state/revision.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { printable } from '../../src/terminal.ts';
import { aContainer, anAim } from '../fakes/templates.ts';

/** Something that no document may bring about. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export interface Judged {
  readonly objects: number;
  readonly problems: number;
  /** Agents that got as far as a plan. */
  readonly plans: number;
}

/**
 * One document on the whole way: bytes → text → objects → what they mean together → a template → a plan → what Podman
 * would be told. @throws Violation, and whatever else must not be thrown.
 */
export async function judge(bytes: Uint8Array): Promise<Judged> {
  const loaded = loadBytes('/manifests/fuzz.yaml', bytes);
  const snapshot = withDefaultNetworks(await assemble(loaded, CONTEXT));
  for (const problem of snapshot.problems) judgeProblem(problem);
  for (const { key } of snapshot.objects.values()) judgeKey(key);
  const provisions = new Map([...snapshot.objects.values()].map(provisionOf));
  const plans = desiredOf(snapshot, 'Agent').map((agent) => judgeAgent(agent, snapshot, provisions));
  judgeProcess();
  return {
    objects: snapshot.objects.size,
    problems: snapshot.problems.length,
    plans: plans.filter((planned) => planned).length,
  };
}

/** Paths lead where they say; what is there is the business of other tests. */
const CONTEXT = {
  origin: 'fuzz',
  roots: ['/'],
  known: new Set<KeyString>(),
  now: () => 0,
  inputs: {
    read: ({ manifest }: { manifest: DesiredObject['manifest'] }) => {
      const volumes = manifest.kind === 'Agent' ? manifest.spec.volumes : [];
      const paths = volumes.flatMap(({ hostPath }) => (hostPath ? [[hostPath.path, '/there']] : []));
      const inputs = { paths: Object.fromEntries(paths), digests: {}, baseImages: [] };
      return Promise.resolve({ inputs, findings: [] });
    },
    sweep: () => undefined,
    digests: () => [],
  },
};

const INSTALLATION = { id: 'fuzz', hmacKey: new Uint8Array(32) };
const IMAGE = { reference: 'localhost/fuzz:1', id: 'sha256:1' };
const AS_COMPILERS_SAY_IT = /^[^\n]*(\n {4}[^\n]*){0,2}$/;
const ACTS_ON_TERMINALS =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

/** A message is one line, or it could forge another; `printable` is what every printer of it uses. */
function judgeProblem(problem: ManifestProblem): void {
  const text = printable(formatProblem(problem));
  if (ACTS_ON_TERMINALS.test(text)) throw new Violation(`acts on a terminal: ${JSON.stringify(text)}`);
  if (!AS_COMPILERS_SAY_IT.test(text)) throw new Violation(`forges a line: ${JSON.stringify(text)}`);
  const { line, column } = problem.position;
  if (!(line >= 1 && column >= 1)) throw new Violation(`has no place: ${JSON.stringify(problem)}`);
}

function judgeKey({ namespace, name }: ObjectKey): void {
  for (const part of [namespace, name])
    if (!DNS_LABEL.test(part) || part.length > 63) throw new Violation(`is no name: ${JSON.stringify(part)}`);
}

function provisionOf({ key, manifest }: DesiredObject): [KeyString, Provision] {
  const { namespace, name } = key;
  const podmanName = `${namespace}.${name}`;
  const ready = (facts: Extract<Provision, { ready: true }>['facts']): [KeyString, Provision] => [
    keyString(key),
    { ready: true, facts },
  ];
  switch (manifest.kind) {
    case 'Network':
      return ready({
        kind: 'Network',
        podmanName,
        gateway: '10.0.0.1',
        addresses: EVERYBODY,
        hostsFile: '/h',
      });
    case 'Volume':
      return ready({ kind: 'Volume', podmanName });
    case 'ConfigMap':
      return ready({ kind: 'ConfigMap', directory: '/c/1', liveDirectory: '/c/live', digest: 'd' });
    case 'PodGroup':
      return ready({ kind: 'PodGroup', podName: podmanName, move: { type: 'None' } });
    case 'Image':
      return ready({ kind: 'Image', id: 'sha256:1', inputHash: 'h' });
    default:
      return ready({ kind: 'Secret' });
  }
}

/** Whatever an agent is called, it has an address. */
const EVERYBODY: Readonly<Record<string, string>> = new Proxy(
  {},
  {
    get: () => '10.0.0.9',
    getOwnPropertyDescriptor: () => ({ value: '10.0.0.9', configurable: true, enumerable: true }),
  },
);

function judgeAgent(
  agent: DesiredObject<Agent>,
  { objects }: Snapshot,
  provisions: ReadonlyMap<KeyString, Provision>,
): boolean {
  const { template } = resolveAgent({ agent, objects, provisions, installation: INSTALLATION }, IMAGE);
  if (!template) return false;
  const revision = createRevision(template, 'fuzzed', 0);
  const ownership = { ownerLabels: ownerLabels(INSTALLATION, agent.key, 'u'), key: agent.key };
  const aim = { containers: [anAim(revision, 'Running')], others: 'Leave' } as const;
  judgePlan(planAgent(aim, { containers: [] } as never, ownership), template);
  const live = { ...aContainer(revision.id, 1), labels: liveLabels(revision.id) };
  const second = planAgent(aim, { containers: [live] } as never, ownership);
  if (second.operations.length > 0)
    throw new Violation(`the second plan is not empty: ${formatPlan(second)}`);
  const changes = differences(template, JSON.parse(JSON.stringify(template)) as ContainerTemplate);
  if (changes.length > 0) throw new Violation(`differs from itself: ${changes.join(', ')}`);
  return true;
}

const liveLabels = (revision: string) => ({
  [labels.revision]: revision,
  [labels.attempt]: '1',
  [labels.ordinal]: '0',
});

function judgePlan(plan: Plan, template: ContainerTemplate): void {
  const text = formatPlan(plan);
  if (text.split('\n').length !== plan.operations.length) throw new Violation(`forges a line: ${text}`);
  for (const operation of plan.operations) {
    if (operation.type !== 'CreateContainer') continue;
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(operation.name)) throw new Violation(`is no name: ${operation.name}`);
    judgeTold(containerSpec({ ...operation, template }), 'spec');
  }
}

/** JSON knows neither infinity nor functions: Podman would be told of no limit, or of nothing at all. */
function judgeTold(value: unknown, path: string): void {
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Violation(`${path} is ${value}`);
  if (typeof value === 'function' || typeof value === 'symbol')
    throw new Violation(`${path} is a ${typeof value}`);
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) judgeTold(item, `${path}.${name}`);
}

function judgeProcess(): void {
  const grown = [Object.prototype, Array.prototype, Function.prototype].flatMap((each) => Object.keys(each));
  if (grown.length > 0) throw new Violation(`prototypes were polluted: ${grown.join(', ')}`);
}
