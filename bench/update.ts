import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { callPort, freePort } from '../test/fakes/ports.ts';
import { type Background, type Host, IMAGE, start } from './host.ts';
import { until } from './rookery.ts';

export const STRATEGIES = ['Recreate', 'BlueGreen', 'Canary'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export interface UpdateResult {
  /** From the saved file to the new revision serving, ready and promoted. */
  readonly healthySeconds: readonly number[];
  /** From the failure being seen to the old revision serving again. */
  readonly rolledBackSeconds: readonly number[];
  /** Of the requests made every 20 ms throughout. */
  readonly requests: number;
  readonly failed: number;
}

const LOOK_EVERY_MS = 10;
/** Ready within a second, promoted at once: soaking is time on purpose, not speed. Long enough to turn bad in. */
const MONITOR_SECONDS = 8;
const SICK_AFTER_SECONDS = 5;

/** How one strategy fares: good updates, and as many that turn bad after they took over. */
export async function update(host: Host, strategy: Strategy, rounds: number): Promise<UpdateResult> {
  await host.clear();
  const site = await openSite(host, strategy);
  const caller = callPort(site.hostPort);
  try {
    const healthySeconds: number[] = [];
    const rolledBackSeconds: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      healthySeconds.push(await goodUpdate(site, `good-${round}`));
      rolledBackSeconds.push(await badUpdate(site, `bad-${round}`));
    }
    await caller.end();
    const { length: failed } = caller.failures;
    return { healthySeconds, rolledBackSeconds, requests: caller.asked(), failed };
  } finally {
    await caller.end();
    await site.controller.stop();
    await host.clear();
  }
}

interface Site {
  readonly hostPort: number;
  readonly controller: Background;
  save(revision: string, isSick: boolean): Promise<void>;
  status(): Promise<Status>;
}

interface Status {
  readonly phase: string;
  readonly ready: boolean;
  readonly currentRevision?: string;
}

const PROMOTED: ReadonlySet<string> = new Set(['Monitoring', 'Healthy']);

async function goodUpdate(site: Site, revision: string): Promise<number> {
  const before = await site.status();
  const savedAtMs = performance.now();
  await site.save(revision, false);
  const isPromoted = ({ phase, ready, currentRevision }: Status): boolean =>
    PROMOTED.has(phase) && ready && currentRevision !== before.currentRevision;
  const seconds = await secondsUntil(site, savedAtMs, isPromoted, 'the update to be promoted');
  await secondsUntil(site, savedAtMs, ({ phase }) => phase === 'Healthy', 'the update to be stable');
  return seconds;
}

async function badUpdate(site: Site, revision: string): Promise<number> {
  await site.save(revision, true);
  const fails = ({ phase }: Status): boolean => /^(Failing|RollingBack|RolledBack)$/.test(phase);
  await secondsUntil(site, performance.now(), fails, 'the failure to be seen');
  const seenAtMs = performance.now();
  return secondsUntil(site, seenAtMs, ({ phase, ready }) => phase === 'RolledBack' && ready, 'the rollback');
}

async function secondsUntil(
  site: Site,
  sinceMs: number,
  isIt: (status: Status) => boolean,
  what: string,
): Promise<number> {
  await until(async () => isIt(await site.status()), what, LOOK_EVERY_MS);
  return (performance.now() - sinceMs) / 1000;
}

async function openSite(host: Host, strategy: Strategy): Promise<Site> {
  const directory = join(host.workDir, `update-${strategy}`);
  const manifests = join(directory, 'manifests');
  await rm(directory, { recursive: true, force: true });
  await mkdir(manifests, { recursive: true });
  const hostPort = await freePort();
  const save = (revision: string, isSick: boolean): Promise<void> =>
    writeFile(join(manifests, 'web.yaml'), manifest({ strategy, hostPort, revision, isSick }));
  await save('first', false);
  const apiSocket = join(directory, 'api.sock');
  const env = {
    ROOKERY_STATE_DIR: join(directory, 'state'),
    ROOKERY_MANIFESTS: manifests,
    ROOKERY_API_SOCKET: apiSocket,
    ROOKERY_SOCKET: host.socket,
  };
  const bin = join(host.root, 'bin/rookery');
  const controller = start(process.execPath, [bin, 'run'], env, join(directory, 'run.log'));
  const status = (): Promise<Status> => statusOf(apiSocket);
  await until(async () => (await status()).phase === 'Healthy', `${strategy} to be stable at first`);
  return { hostPort, controller, save, status };
}

interface Wanted {
  readonly strategy: Strategy;
  readonly hostPort: number;
  readonly revision: string;
  readonly isSick: boolean;
}

/** One that is sick goes on serving while its probe fails. */
const manifest = ({ strategy, hostPort, revision, isSick }: Wanted): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: web, namespace: bench}
spec:
  image: ${IMAGE}
  imagePullPolicy: Never
  command: [/bin/sh, -c]
  args:
    - |
      mkdir -p /tmp/www && cd /tmp/www && echo ${revision} >index.html && echo ok >healthz
      httpd -f -p 8080 -h /tmp/www &
      trap 'exit 0' TERM
      ${isSick ? `sleep ${SICK_AFTER_SECONDS} & wait $! && rm healthz` : ':'}
      sleep 1000000 & wait $!
  replicas: ${strategy === 'Canary' ? 3 : 1}
  ports: [{name: http, containerPort: 8080, hostPort: ${hostPort}}]
  terminationGracePeriodSeconds: 2
  readinessProbe: {httpGet: {path: /healthz, port: http}, periodSeconds: 1, failureThreshold: 1}
  rollout:
    strategy: ${strategy}
    minHealthySeconds: 0
    monitorSeconds: ${MONITOR_SECONDS}
    healthyDeadlineSeconds: 20
    drainSeconds: 1
`;

const NO_STATUS: Status = { phase: 'none', ready: false };

function statusOf(socketPath: string): Promise<Status> {
  const path = '/apis/rookery.dev/v1alpha1/namespaces/bench/agents/web';
  return new Promise((resolve) => {
    const asked = request({ socketPath, path }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => {
        const found = response.statusCode === 200 ? (JSON.parse(body) as { status?: Status }) : {};
        resolve(found.status ?? NO_STATUS);
      });
    });
    asked.on('error', () => resolve(NO_STATUS)).end();
  });
}
