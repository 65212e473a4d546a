import type { Kind } from '../../src/api/kinds.ts';
import type { Program } from '../fakes/fake-podman.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { createRandom, type Random } from '../fakes/random.ts';
import { agentManifest, IMAGE, NAMESPACE } from '../fakes/simulated-host.ts';
import type { Scale } from './scale.ts';
import { firstManner, type Manner, mannered, mannerSpec, scaled } from './strategies.ts';

/** What an agent's program does, told by its env `MODE`; the first four serve well. */
const MODES: Readonly<Record<string, Program>> = {
  good: {},
  slow: { readyAfterMs: 8_000 },
  deaf: { ignoresTerm: true },
  lazy: { stopAfterMs: 3_000 },
  crash: { exitAfterMs: 400, exitCode: 1 },
  /** Over before anybody could see it run. */
  flash: { exitAfterMs: 1, exitCode: 1 },
  crashLater: { exitAfterMs: 9_000, exitCode: 3 },
  neverReady: { readyAfterMs: 1e12 },
  unreadyLater: { unreadyAfterMs: 7_000 },
  done: { exitAfterMs: 3_000 },
  cannotRun: { cannotRun: 'exec: "agent": not found' },
};

/** What the values of all Secrets begin with: seen anywhere but in Podman, it is a leak. */
export const SECRET_MARK = 'hush-hush';

export const programFor = ({ env }: ContainerTemplate): Program => MODES[env['MODE'] ?? 'good'] ?? {};

const GOOD = ['good', 'good', 'good', 'slow', 'deaf', 'lazy'] as const;
const BAD = ['crash', 'flash', 'crashLater', 'neverReady', 'unreadyLater', 'cannotRun'] as const;

/** One agent as the story's author thinks of it. */
export interface Actor {
  readonly name: string;
  readonly layer: number;
  readonly required: boolean;
  readonly dependsOn: readonly { readonly name: string; readonly condition: string }[];
  readonly place: 'default' | 'extra' | 'host' | { readonly group: string };
  readonly uses: readonly string[];
  readonly hostPort?: number;
  readonly liveness: boolean;
  readonly startup: boolean;
  readonly mode: string;
  readonly image: string;
  readonly version: number;
  readonly suspend: boolean;
  /** It ends when it is done. */
  readonly job: boolean;
  readonly onFailure: 'Rollback' | 'Pause';
  readonly manner: Manner;
}

/** Everything that is wanted at one moment. */
export interface Cast {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly groups: ReadonlyMap<string, { readonly hostPort: number }>;
  readonly volumes: ReadonlyMap<string, 'Retain' | 'Delete'>;
  readonly settings: number;
  readonly password: number;
}

const FIRST_PORT = 7_000;
const LAYERS = 4;
const PLACES = ['default', 'default', 'default', 'extra', 'host'] as const;

/** @param names of the agents that may be in it; the others are what they are all the same */
export function firstCast(random: Random, names: readonly string[], { agents }: Scale): Cast {
  const count = random.int(agents.min, agents.max);
  const groups = random.chance(0.4) ? new Map([['pod', { hostPort: 6_000 }]]) : new Map();
  const actors = new Map<string, Actor>();
  for (let index = 0; index < count; index += 1) {
    const actor = newActor(createRandom(random.int(0, 2 ** 30)), {
      index,
      count,
      before: [...actors.values()],
      groups: [...groups.keys()],
    });
    if (names.includes(actor.name)) actors.set(actor.name, actor);
  }
  return {
    actors,
    groups,
    volumes: new Map([
      ['kept', 'Retain'],
      ['thrown', 'Delete'],
    ]),
    settings: 1,
    password: 1,
  };
}

interface Casting {
  readonly index: number;
  readonly count: number;
  readonly before: readonly Actor[];
  readonly groups: readonly string[];
}

/** Dependencies and layers only point backwards, so that no cycle can arise. */
function newActor(random: Random, { index, count, before, groups }: Casting): Actor {
  const dependsOn = before
    .filter(() => random.chance(0.3))
    .map(({ name, job }) => ({
      name,
      condition: job ? 'Completed' : random.chance(0.8) ? 'Healthy' : 'Started',
    }));
  const job = random.chance(0.1);
  const group = random.chance(0.4) ? random.pickAny(groups) : undefined;
  const place: Actor['place'] = group === undefined ? random.pick(PLACES) : { group };
  const actor: Omit<Actor, 'manner'> = {
    name: `a${index}`,
    layer: Math.floor((index * LAYERS) / count),
    required: random.chance(0.8),
    dependsOn,
    place,
    uses: ['settings', 'file', 'password', 'kept', 'thrown'].filter(() => random.chance(0.2)),
    ...(place === 'default' && random.chance(0.3) && { hostPort: FIRST_PORT + index }),
    liveness: random.chance(0.3),
    startup: random.chance(0.3),
    mode: job ? 'done' : random.pick(GOOD),
    image: IMAGE,
    version: 1,
    suspend: false,
    job,
    onFailure: random.chance(0.85) ? 'Rollback' : 'Pause',
  };
  return { ...actor, manner: firstManner(random, actor) };
}

/** Several changes at once, now and then. */
export function edits(random: Random, cast: Cast): Cast {
  const count = random.chance(0.3) ? 2 : 1;
  return Array.from({ length: count }).reduce<Cast>((current) => edit(random, current), cast);
}

/** It comes back without those of its dependencies that are gone. */
export const welcome = (cast: Cast, actor: Actor): Cast => {
  const dependsOn = actor.dependsOn.filter(({ name }) => cast.actors.has(name));
  return { ...cast, actors: new Map([...cast.actors, [actor.name, { ...actor, dependsOn }]]) };
};

/** One thing that a person does to the files. */
function edit(random: Random, cast: Cast): Cast {
  const actor = random.pickAny([...cast.actors.values()]);
  if (random.chance(0.1)) return { ...cast, settings: cast.settings + 1 };
  if (random.chance(0.1)) return { ...cast, password: random.int(1, 3) };
  if (random.chance(0.05)) return withGroupPorts(cast);
  if (!actor) return cast;
  if (random.chance(0.12)) return without(cast, actor.name);
  return withActor(cast, editActor(random, actor));
}

function editActor(random: Random, actor: Actor): Actor {
  switch (random.int(0, 11)) {
    case 0:
    case 1:
      return { ...actor, mode: random.pick(BAD) };
    case 2:
      return { ...actor, mode: goodMode(random, actor) };
    case 3:
      return { ...actor, image: random.chance(0.5) ? 'localhost/missing:1' : IMAGE };
    case 4:
      return { ...actor, suspend: !actor.suspend };
    case 5:
      return { ...actor, liveness: !actor.liveness };
    case 6:
      return { ...actor, startup: !actor.startup };
    // Back to what it was: A → B → A.
    case 7:
      return { ...actor, version: Math.max(1, actor.version - 1), mode: actor.job ? 'done' : 'good' };
    case 8:
      return scaled(random, actor);
    case 9:
      return mannered(random, actor);
    default:
      return { ...actor, version: actor.version + 1 };
  }
}

const goodMode = (random: Random, { job }: Actor): string => (job ? 'done' : random.pick(GOOD));

interface Ending {
  readonly cast: Cast;
  readonly gone: readonly Actor[];
  /** Serves as its manifest says, as far as can be seen. */
  readonly isWell: (name: string) => boolean;
}

/** Everything works now: what must converge, whatever happened before. Some who are well are left as they are. */
export function lastCast(random: Random, { leavesAlone }: Scale, { cast, gone, isWell }: Ending): Cast {
  const returning = gone.filter(() => random.chance(0.5));
  const wanted = [...cast.actors.values(), ...returning];
  const names = new Set(wanted.map(({ name }) => name));
  const stays = (actor: Actor): boolean =>
    leavesAlone > 0 && !actor.job && isWell(actor.name) && isGood(actor) && random.chance(leavesAlone);
  const actors = wanted.map(
    (actor): Actor => ({
      ...actor,
      dependsOn: actor.dependsOn.filter(({ name }) => names.has(name)),
      ...(!stays(actor) && { mode: goodMode(random, actor), version: 1_000 }),
      image: IMAGE,
      suspend: false,
      // Nobody is there any more who could agree.
      manner: { ...actor.manner, promotion: 'Auto' },
    }),
  );
  return { ...cast, actors: new Map(actors.map((actor) => [actor.name, actor])) };
}

export const isGood = ({ mode, image }: Actor): boolean =>
  image === IMAGE && !BAD.some((bad) => bad === mode);

const withActor = (cast: Cast, actor: Actor): Cast => ({
  ...cast,
  actors: new Map([...cast.actors, [actor.name, actor]]),
});

/** Whoever removes an agent also removes what points at it. */
function without(cast: Cast, name: string): Cast {
  const rest = [...cast.actors.values()].filter((actor) => actor.name !== name);
  const actors = rest.map(
    (actor): Actor => ({
      ...actor,
      dependsOn: actor.dependsOn.filter((dependency) => dependency.name !== name),
    }),
  );
  return { ...cast, actors: new Map(actors.map((actor) => [actor.name, actor])) };
}

const withGroupPorts = (cast: Cast): Cast => ({
  ...cast,
  groups: new Map([...cast.groups].map(([name, { hostPort }]) => [name, { hostPort: hostPort + 1 }])),
});

export interface SimulatedManifest {
  readonly apiVersion: string;
  readonly kind: Kind;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec?: object;
}

const object = (kind: Kind, name: string, rest: object): SimulatedManifest => ({
  apiVersion: kind === 'ConfigMap' || kind === 'Secret' ? 'v1' : 'rookery.dev/v1alpha1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  ...rest,
});

/** All of it; in small stories what is shared is there only while somebody uses it. */
export function manifestsOf(cast: Cast, { sharedInUse }: Scale): SimulatedManifest[] {
  const actors = [...cast.actors.values()];
  const uses = new Set(actors.flatMap(usesOf));
  const shared = sharedOf(cast).filter(({ metadata: { name } }) => !sharedInUse || uses.has(name));
  return [...shared, ...actors.map(manifestOf)];
}

function sharedOf(cast: Cast): SimulatedManifest[] {
  const ports = (hostPort: number): object => ({ spec: { ports: [{ containerPort: 80, hostPort }] } });
  return [
    object('ConfigMap', 'settings', { data: { level: String(cast.settings) } }),
    object('Secret', 'password', { stringData: { token: `${SECRET_MARK} ${cast.password}` } }),
    object('Network', 'extra', { spec: {} }),
    ...[...cast.volumes].map(([name, retention]) => object('Volume', name, { spec: { retention } })),
    ...[...cast.groups].map(([name, { hostPort }]) => object('PodGroup', name, ports(hostPort))),
  ];
}

/** Names of the shared objects that it stands on. */
function usesOf({ uses, place }: Actor): string[] {
  const housing = place === 'extra' ? ['extra'] : typeof place === 'object' ? [place.group] : [];
  return [...housing, ...uses.map((use) => (use === 'file' ? 'settings' : use))];
}

interface VolumeOfActor {
  readonly name: string;
  readonly configMap?: object;
  readonly volume?: object;
}

function manifestOf(actor: Actor): SimulatedManifest {
  const { name, place, uses, liveness, startup, dependsOn, layer, required, suspend, image } = actor;
  const probe = { tcpSocket: { port: 5000 }, periodSeconds: 5, failureThreshold: 2 };
  const many = mannerSpec(actor.manner);
  const env = { MODE: actor.mode, VERSION: String(actor.version) };
  const manifest = agentManifest(name, {}, env) as SimulatedManifest & { spec: { env: object[] } };
  const variables = [
    ...(uses.includes('settings')
      ? [{ name: 'LEVEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level' } } }]
      : []),
    ...(uses.includes('password')
      ? [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'password', key: 'token' } } }]
      : []),
  ];
  const volumes = uses.flatMap((use): VolumeOfActor[] => {
    if (use === 'file') return [{ name: use, configMap: { name: 'settings' } }];
    return use === 'kept' || use === 'thrown' ? [{ name: use, volume: { claimName: use } }] : [];
  });
  return {
    ...manifest,
    spec: {
      ...manifest.spec,
      image,
      layer,
      required,
      suspend,
      dependsOn,
      env: [...manifest.spec.env, ...variables],
      volumes,
      volumeMounts: volumes.map((volume) => ({ name: volume.name, mountPath: `/mnt/${volume.name}` })),
      readinessProbe: probe,
      ...(actor.job && { restartPolicy: 'OnFailure', layer: LAYERS - 1, required: false }),
      ...(liveness && { livenessProbe: { ...probe, initialDelaySeconds: 20, failureThreshold: 3 } }),
      ...(startup && { startupProbe: { ...probe, periodSeconds: 2, failureThreshold: 10 } }),
      ...(actor.hostPort !== undefined && { ports: [{ containerPort: 80, hostPort: actor.hostPort }] }),
      ...placement(place),
      replicas: many.replicas,
      rollout: {
        ...many.rollout,
        minHealthySeconds: 2,
        monitorSeconds: 10,
        healthyDeadlineSeconds: 60,
        onFailure: actor.onFailure,
      },
    },
  };
}

function placement(place: Actor['place']): object {
  if (place === 'host') return { hostNetwork: true };
  if (place === 'extra') return { networks: ['extra'] };
  return place === 'default' ? {} : { podGroup: place.group };
}
