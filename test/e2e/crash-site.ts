import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createGitRepository } from '../fakes/git-repository.ts';
import { freePort } from '../fakes/ports.ts';
import { ensureBusybox } from './busybox-agents.ts';
import { BYSTANDER, type Chapter, chapters } from './crash-story.ts';
import { type FaultRule, openFaultyPodman } from './faulty-podman.ts';
import { HALF_WRITTEN, isPassing, leftoversOf } from './leftovers.ts';
import type { OwnPodman } from './own-podman.ts';
import type { HostContainer } from './podman-host.ts';
import { openSite, type Site, type SiteOptions } from './site.ts';
import { type Supervisor, supervise } from './supervisor.ts';
import { until } from './until.ts';

/** A site whose controller speaks to a Podman of its own through the fault proxy, and follows a git repository. */
export interface CrashSite {
  readonly site: Site;
  readonly supervisor: Supervisor;
  /** Plays the story under the rule; throws with whatever is not as it should be after a chapter, but for what is excused. */
  play(rule: FaultRule, excused?: RegExp): Promise<void>;
  close(): Promise<void>;
}

export interface CrashSiteOptions {
  readonly podman: OwnPodman;
  readonly site?: SiteOptions;
  /** Makes a directory the controller's user's. */
  readonly give?: (directory: string) => void;
  /** Podman's service is away. */
  readonly onAway?: () => void;
}

/** Without a death: who is killed again and again does not get on, and on a busy machine takes long to start. */
const CHAPTER_MS = 90_000;
/** What was left half written is removed when it is ten seconds old, by a collector that nobody waits for. */
const MENDED_MS = 30_000;
const OPEN_INTENT = 'open intent';
const NOTHING = /^$/;

export async function openCrashSite(options: CrashSiteOptions): Promise<CrashSite> {
  const { podman, give = () => undefined } = options;
  await ensureBusybox(podman.host);
  const proxy = await openFaultyPodman(podman.socket, join(podman.directory, 'faulty.sock'), options.onAway);
  const env = { ...options.site?.env, CONTAINER_HOST: proxy.url, ROOKERY_MANIFESTS: '' };
  const site = openSite({ ...options.site, host: podman.host, env });
  const repository = createGitRepository();
  // Who pushes may be somebody else than the controller's user.
  writeFileSync(join(repository.dir, '.gitconfig'), '[safe]\n\tdirectory = *\n');
  for (const directory of [site.dir, repository.dir, podman.socket, proxy.url.replace('unix://', '')])
    give(directory);
  const scene = { namespace: site.namespace, webPort: await freePort(), groupPort: await freePort() };
  let steady: string | undefined;

  const wrongs = async (chapter: Chapter): Promise<readonly string[]> => {
    proxy.setRule(() => undefined);
    await until('nothing is to do', async () => (await site.rookery('plan')).stdout === 'nothing to do\n');
    const containers = await site.host.containers(site.namespace);
    const bystander = containers
      .filter((container) => nameOf(container) === BYSTANDER)
      .map(lifeOf)
      .join();
    steady ??= bystander;
    return [
      ...differences(runningOf(containers), chapter.running),
      ...differences(await podsOf(site), 'inner' in chapter.running ? { duo: 'Running' } : {}),
      ...openIntents(site),
      ...(bystander === steady ? [] : [`the bystander was ${steady} and is ${bystander}`]),
      ...(await leftoversOf(podman)),
    ];
  };
  /** Only the collector is given time, for what it waits for on purpose and for what it is at, and Podman to clean up. */
  const wrongsLeft = async (chapter: Chapter, excused: RegExp): Promise<readonly string[]> => {
    const found = async () => (await wrongs(chapter)).filter((wrong) => !excused.test(wrong));
    let last: readonly string[] = [];
    await until(
      'the collector and Podman are done',
      async () => {
        last = await found();
        return !last.some(
          (wrong) => wrong.startsWith(HALF_WRITTEN) || wrong.startsWith(OPEN_INTENT) || isPassing(wrong),
        );
      },
      MENDED_MS,
    ).catch(() => undefined);
    return last;
  };
  let deaths = 0;
  const counted =
    (rule: FaultRule): FaultRule =>
    (call) => {
      const fault = rule(call);
      if (fault && 'onBreak' in fault) deaths += 1;
      return fault;
    };
  const untilOver = async (chapter: Chapter): Promise<void> => {
    const before = deaths;
    await until(chapter.name, () => isOver(chapter), CHAPTER_MS).catch((error: unknown) => {
      if (deaths === before) throw error;
      return untilOver(chapter);
    });
  };
  const isOver = async ({ phases, running }: Chapter): Promise<true> => {
    const [now, runs] = [await phasesOf(site), runningOf(await site.host.containers(site.namespace))];
    const still = [...differences(now, phases), ...differences(runs, running)];
    if (still.length > 0) throw new Error(still.join('; '));
    return true;
  };
  repository.push({});
  const supervisor = supervise(site, '--git', repository.remote, '--interval', '1s');
  const play = async (rule: FaultRule, excused: RegExp): Promise<void> => {
    for (const chapter of chapters(scene)) {
      const startedAtMs = Date.now();
      proxy.setRule(counted(rule));
      repository.push(chapter.files);
      await untilOver(chapter);
      const found = await wrongsLeft(chapter, excused);
      if (found.length > 0) throw new Error(`after "${chapter.name}": ${found.join('\n')}`);
      console.log(`${chapter.name}: ${Date.now() - startedAtMs} ms, ${supervisor.lives()} lives`);
    }
  };
  return {
    site,
    supervisor,
    play: (rule, excused = NOTHING) =>
      play(rule, excused).catch((error: unknown) => {
        console.log(supervisor.lastWords());
        throw error;
      }),
    close: async () => {
      await supervisor.stop();
      await site.cleanUp();
      await proxy.close();
      repository.dispose();
    },
  };
}

const phasesOf = async (site: Site): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await site.agents()).map(({ metadata, status }) => [metadata.name, status?.phase ?? '']),
  );

async function podsOf({ host, namespace }: Site): Promise<Record<string, string>> {
  const pods = await host.api<{ Status: string; Labels: Record<string, string> }[]>('/pods/json');
  const ours = pods.filter(({ Labels }) => Labels['rookery.dev/namespace'] === namespace);
  return Object.fromEntries(ours.map(({ Labels, Status }) => [Labels['rookery.dev/name'] ?? '', Status]));
}

/** What the journal would have a next start settle. */
function openIntents({ stateDir }: Site): string[] {
  const rows = readFileSync(join(stateDir, 'journal.ndjson'), 'utf8').split('\n').filter(Boolean);
  const lines = rows.map((row) => JSON.parse(row) as { intent?: { id: number }; settled?: number });
  const settled = new Set(lines.map((line) => line.settled));
  return lines
    .filter(({ intent }) => intent && !settled.has(intent.id))
    .map((line) => `${OPEN_INTENT}: ${JSON.stringify(line)}`);
}

const nameOf = ({ Config }: HostContainer): string =>
  [Config.Labels['rookery.dev/name'], Config.Labels['rookery.dev/role']].filter(Boolean).join(' ');

const lifeOf = ({ Name, State }: HostContainer): string => `${Name} ${State.Status} ${State.StartedAt}`;

/** By name what each is told to be; who is there twice, or does not run, says so. */
function runningOf(containers: readonly HostContainer[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const container of containers) {
    const version = container.Config.Env.find((line) => line.startsWith('V='))?.slice(2) ?? '';
    const text = container.State.Status === 'running' ? version : `${version} ${container.State.Status}`;
    const name = nameOf(container);
    found[name] = name in found ? `${found[name]} and ${text}` : text;
  }
  return found;
}

function differences(
  found: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): string[] {
  const names = [...new Set([...Object.keys(found), ...Object.keys(wanted)])].sort();
  return names
    .filter((name) => found[name] !== wanted[name])
    .map((name) => `${name} is "${found[name] ?? 'absent'}", not "${wanted[name] ?? 'absent'}"`);
}
