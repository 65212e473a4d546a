import { newRecord } from '../../controllers/agent/decide.ts';
import { resolveWish } from '../../controllers/agent/gather.ts';
import {
  type AgentPublication,
  desiredObject,
  type ReadableWorld,
  type World,
} from '../../controllers/world.ts';
import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import { REVISION_ANNOTATION } from '../../src/api/labels.ts';
import type { ReconcileContext } from '../../src/manager/reconciler.ts';
import { phraseOf } from '../../src/plan/operation.ts';
import type { ExecuteOutcome } from '../../src/podman/execute.ts';
import type { Prober } from '../../src/probe/prober.ts';
import { canonicalJson } from '../../src/state/canonical.ts';
import type { ObservedAgent, ObservedContainer } from '../../src/state/observed.ts';
import type { Provision } from '../../src/state/provision.ts';
import type { AgentRecord, Revision } from '../../src/state/record.ts';
import { createRevision, wishHash } from '../../src/state/revision.ts';
import type { ContainerVerdict } from '../../src/state/verdict.ts';
import type { Store } from '../../src/store/store.ts';
import { containerOf, NOW, READY, TWIN } from './agent-views.ts';
import { createRecordingLog } from './log.ts';
import { memoryStore } from './memory-store.ts';
import { aReadableWorld, manifestOf, type Surroundings } from './readable-world.ts';
import { IMAGE } from './simulated-host.ts';

export const IMAGE_ID = 'sha256:here';

/** What there is for the agents of a namespace to run on. */
export const SURROUNDINGS: Surroundings = {
  manifests: [manifestOf('twin')],
  images: { [IMAGE]: IMAGE_ID, [IMAGE_ID]: IMAGE_ID },
  provisions: new Map<KeyString, Provision>([
    [
      keyString({ kind: 'Network', namespace: 'ns', name: 'default' }),
      {
        ready: true,
        facts: {
          kind: 'Network',
          podmanName: 'ns.default',
          gateway: '10.0.0.1',
          addresses: { twin: '10.0.0.9', other: '10.0.0.8' },
          hostsFile: '/hosts',
        },
      },
    ],
  ]),
};

/** All that the loop of an agent is given, telling what it did. What it may see can be changed between its runs. */
export interface OneAgent {
  surroundings: Surroundings;
  observed: ObservedAgent | Error;
  /** What comes of every plan; what it did is all of it, unless it says so. */
  outcome: Partial<ExecuteOutcome>;
  verdict: ContainerVerdict | undefined;
  nowMs: number;
  uptimeMs: number;
  /** Called wherever it waits for somebody. */
  meanwhile: (doing: 'observe' | 'inspect' | 'execute') => void;
  readonly world: World;
  readonly store: Store;
  /** In order: what was written, asked for and told. */
  readonly done: string[];
  readonly published: AgentPublication[];
  readonly prober: Prober;
  readonly context: ReconcileContext;
  record(): AgentRecord | undefined;
}

export async function createOneAgent(): Promise<OneAgent> {
  const store = await memoryStore();
  const done: string[] = [];
  const world: World = {
    ...lookingAt(() => one.surroundings),
    get maxConcurrentRollouts() {
      return one.surroundings.maxConcurrentRollouts ?? 4;
    },
    store: {
      ...store,
      records: {
        ...store.records,
        put: async (record) => {
          done.push(`save ${record.state}`);
          await store.records.put(record);
        },
      },
    },
    images: {
      inspect: (reference) => {
        one.meanwhile('inspect');
        return worldOf(one.surroundings).images.inspect(reference);
      },
      forget: () => void done.push('forget the images'),
    },
    enqueue: (key) => void done.push(`wake ${keyString(key)}`),
    newUid: () => 'uid-new',
    podman: { listSecrets: async () => [], inspectPod: async () => undefined } as never,
    observer: {
      observe: async () => {
        one.meanwhile('observe');
        if (one.observed instanceof Error) throw one.observed;
        return one.observed;
      },
      invalidate: () => void done.push('look anew'),
    } as never,
    execute: async ({ plan, priority }) => {
      done.push(
        ...plan.operations.map((operation) => `${priority}: ${phraseOf(operation)} (${operation.cause})`),
      );
      one.meanwhile('execute');
      return { done: plan.operations, logTails: {}, ...one.outcome };
    },
    publish: {
      object: () => undefined,
      agent: (publication) => {
        done.push(`publish ${publication.status.phase}`);
        one.published.push(publication);
      },
      removed: (key) => void done.push(`publish that ${key.name} is gone`),
    },
  };
  const prober: Prober = {
    sync: (_key, containers) => {
      done.push(`probe ${containers.map(({ target }) => target.containerId).join() || 'nobody'}`);
    },
    verdict: () => one.verdict,
    snapshot: () => [],
    close: async () => undefined,
  };
  const one: OneAgent = {
    surroundings: SURROUNDINGS,
    observed: { containers: [], observedAtMs: NOW },
    outcome: {},
    verdict: READY,
    nowMs: NOW,
    uptimeMs: 1_000,
    meanwhile: () => undefined,
    world,
    store,
    done,
    published: [],
    prober,
    context: {
      signal: new AbortController().signal,
      log: createRecordingLog(),
      now: () => one.nowMs,
      uptimeMs: () => one.uptimeMs,
    },
    record: () => store.records.get(TWIN),
  };
  return one;
}

/** To read manifests takes longer than all else that a test of a loop does. */
const read = new WeakMap<Surroundings, ReadableWorld>();
function worldOf(surroundings: Surroundings): ReadableWorld {
  const world = read.get(surroundings) ?? aReadableWorld(surroundings);
  read.set(surroundings, world);
  return world;
}

/** The newest surroundings, whatever was looked at before. */
function lookingAt(surroundings: () => Surroundings) {
  const now = () => worldOf(surroundings());
  return {
    desired: () => now().desired(),
    graph: () => now().graph(),
    graphOf: () => now().graph(),
    provisions: { all: () => now().provisions.all(), set: () => undefined, remove: () => undefined },
    installation: () => now().installation(),
    bootId: 'boot',
    rootless: false,
    files: undefined as never,
  };
}

export const seen = (...containers: readonly ObservedContainer[]): ObservedAgent => ({
  containers,
  observedAtMs: NOW,
});

/** What was asked of Podman, without why. */
export const executed = ({ done }: OneAgent): readonly string[] =>
  done.flatMap((line) => /^(Rollout|CrashRestart): (.*?) \(/.exec(line)?.[2] ?? []);

export interface Settled {
  readonly record: AgentRecord;
  readonly revision: Revision;
  readonly containers: ObservedAgent['containers'];
}

/** As the manifest asks for it, for a long time. */
export async function settle(
  one: OneAgent,
  change: Partial<AgentRecord> = {},
  key: ObjectKey = TWIN,
): Promise<Settled> {
  const object = desiredObject(one.world, 'Agent', keyString(key));
  const wish = object && (await resolveWish(one.world, object)).wish;
  if (!object || !wish) throw new Error('nothing is asked for');
  const revision: Revision = {
    ...createRevision(wish.template, 'first deploy', 0),
    outcome: 'Stable',
    stableAtMs: 1,
  };
  const containers = [
    containerOf(revision, 1, {
      imageId: IMAGE_ID,
      annotations: { [REVISION_ANNOTATION]: canonicalJson(revision.template) },
      networks: { 'ns.default': '10.0.0.9' },
      startedAtMs: NOW - 90_000,
      createdAtMs: NOW - 91_000,
    }),
  ];
  const record: AgentRecord = {
    ...newRecord({ key, specHash: object.specHash }, 'uid', 0),
    state: 'Healthy',
    reason: 'Healthy',
    revisions: [revision],
    attempt: 1,
    attempts: { [revision.id]: 1 },
    wishHash: wishHash(wish.template),
    triedGeneration: 1,
    observedGeneration: 1,
    currentRevision: revision.id,
    targetRevision: revision.id,
    stableRevision: revision.id,
    ...change,
  };
  await one.store.records.put(record);
  one.observed = { containers, observedAtMs: NOW };
  return { record, revision, containers };
}
