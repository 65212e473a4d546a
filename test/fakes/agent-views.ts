import { newRecord } from '../../controllers/agent/decide.ts';
import type { AgentFacts, View } from '../../controllers/agent/facts.ts';
import { agent } from '../../src/api/agent.ts';
import { agentKey } from '../../src/api/key.ts';
import { incarnationLabels } from '../../src/state/names.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import { createRevision } from '../../src/state/revision.ts';
import type { ContainerTemplate, HolderTemplate, NetworkAttachment } from '../../src/state/template.ts';
import type { ContainerVerdict } from '../../src/state/verdict.ts';
import { agentManifest } from './simulated-host.ts';
import { aContainer, aTemplate } from './templates.ts';

export const NOW = 1_000_000;
export const TWIN = agentKey('ns', 'twin');

/** On no address of its own: it can run beside another. */
const nameless: NetworkAttachment = { mode: 'bridge', networks: [{ name: 'ns.default', aliases: [] }] };
const made = (version: string, change: Partial<ContainerTemplate> = {}): Revision =>
  createRevision(aTemplate({ env: { V: version }, stopGraceSeconds: 20, ...change }), `made ${version}`, 0);

export const A = made('A');
export const B = made('B');
/** The same two for an agent with a holder. */
export const BESIDE_A = made('A', { network: nameless });
export const BESIDE_B = made('B', { network: nameless });

/** The first two where there can be several of each: none has the name itself. */
export const SEVERAL: Pick<AgentRecord, 'revisions'> = {
  revisions: [A, B].map((one) => ({ ...one, template: { ...one.template, network: nameless } })),
};

export const READY: ContainerVerdict = {
  started: true,
  ready: true,
  live: true,
  startupFailed: false,
  sinceMs: 0,
  messages: {},
};

export const specOf = (spec: object) => agent.parse(agentManifest('twin', spec)).spec;

export const containerOf = (
  revision: Revision,
  attempt: number,
  change: Partial<ObservedContainer> = {},
): ObservedContainer =>
  aContainer(revision.id, attempt, { name: `ns.twin-${revision.id}-${attempt}-0`, ...change });

/** One of several replicas of a revision. */
export const replicaOf = (
  revision: Revision,
  attempt: number,
  ordinal: number,
  change: Partial<ObservedContainer> = {},
): ObservedContainer =>
  containerOf(revision, attempt, {
    id: `${revision.id}-${ordinal}`,
    labels: incarnationLabels({ key: TWIN, revision: revision.id, attempt, ordinal }),
    ...change,
  });

/** What has the name of an agent with several replicas. */
export const HOLDER: HolderTemplate = {
  networks: [{ name: 'ns.default', ip: '10.0.0.250', aliases: ['twin'] }],
  ports: [],
};

export const EXITED = { state: 'exited' as const, networks: {}, startedAtMs: 5, finishedAtMs: 9 };
export const CREATED = { state: 'created' as const, networks: {}, startedAtMs: 0, finishedAtMs: 0 };

export interface Situation {
  readonly record?: Partial<AgentRecord>;
  readonly facts?: Partial<AgentFacts>;
  readonly containers?: readonly ObservedContainer[];
}

/** Nothing is missing, and nobody has to be waited for. */
export function factsWith(template: ContainerTemplate, change: Partial<AgentFacts> = {}): AgentFacts {
  return {
    key: TWIN,
    spec: specOf({ rollout: { minHealthySeconds: 2 } }),
    specHash: 'hash',
    wish: { template, imageKnown: true, reloadDigest: '' },
    missing: [],
    gating: { open: true },
    bootGating: { open: true },
    dependencyDown: undefined,
    suspended: false,
    acts: { specHash: 'hash' },
    origin: undefined,
    observed: { containers: [], observedAtMs: NOW },
    verdictOf: () => READY,
    bootId: 'boot',
    fellows: [],
    startGating: { open: true },
    pods: [],
    ...change,
  };
}

/** An agent in a state, everything about it as good as can be but for what is said. */
export function aView(state: AgentState, { record, facts, containers = [] }: Situation): View {
  const revisions = record?.revisions ?? [A, B];
  const [first, second] = revisions;
  return {
    nowMs: NOW,
    record: {
      ...newRecord({ key: TWIN, specHash: 'hash' }, 'uid', 0),
      state,
      revisions,
      attempts: { [first?.id ?? '']: 1, [second?.id ?? '']: 2 },
      attempt: 2,
      ...record,
    },
    facts: factsWith((second ?? B).template, { observed: { containers, observedAtMs: NOW }, ...facts }),
  };
}
