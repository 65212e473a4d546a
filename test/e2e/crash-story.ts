import { BUSYBOX } from '../contract/busybox.ts';
import type { AgentStatus } from '../../src/api/status.ts';
import { agentText, SERVES, WAITS } from './busybox-agents.ts';

/** Files to write, `undefined` where one is to go. */
export type Files = Readonly<Record<string, string | undefined>>;

/** What a person does, and when it is over. */
export interface Chapter {
  readonly name: string;
  readonly files: Files;
  /** Every agent that there is then, in its phase. */
  readonly phases: Readonly<Record<string, AgentStatus['phase']>>;
  /** What each container of them is told to be: exactly these run, and no other is there. */
  readonly running: Readonly<Record<string, string>>;
}

export interface Scene {
  readonly namespace: string;
  readonly webPort: number;
  readonly groupPort: number;
}

/** Nothing ever changes for this one: nobody may touch it. */
export const BYSTANDER = 'steady';

/** One of each thing that a controller makes, changes, takes back and removes. */
export function chapters(scene: Scene): readonly Chapter[] {
  const { namespace } = scene;
  const phases = {
    [BYSTANDER]: 'Healthy',
    web: 'Healthy',
    worker: 'Healthy',
    inner: 'Healthy',
    built: 'Healthy',
  } as const;
  const running = { [BYSTANDER]: '', web: '1', 'web holder': '', worker: '1', inner: '', built: '' };
  const { inner: _, ...phasesAfter } = { ...phases, worker: 'RolledBack' as const };
  const { inner: __, ...runningAfter } = { ...running, web: '2', worker: '2' };
  return [
    {
      name: 'create',
      files: {
        'shared.yaml': sharedText(scene),
        'steady.yaml': agentText({ name: BYSTANDER, namespace }),
        'web.yaml': webText(scene, '1'),
        'worker.yaml': workerText(scene, '1'),
        'inner.yaml': agentText({ name: 'inner', namespace, script: SERVES, more: 'podGroup: duo' }),
        'group.yaml': groupText(scene),
        'built.yaml': builtText(scene),
        'image/Containerfile': CONTAINERFILE,
      },
      phases,
      running,
    },
    {
      name: 'update',
      files: { 'web.yaml': webText(scene, '2'), 'worker.yaml': workerText(scene, '2') },
      phases,
      running: { ...running, web: '2', worker: '2' },
    },
    {
      name: 'roll back',
      files: { 'worker.yaml': workerText(scene, '3', 'exit 3') },
      phases: { ...phases, worker: 'RolledBack' },
      running: { ...running, web: '2', worker: '2' },
    },
    {
      name: 'prune a pod',
      files: { 'inner.yaml': undefined, 'group.yaml': undefined },
      phases: phasesAfter,
      running: runningAfter,
    },
    {
      name: 'prune the rest',
      files: { 'web.yaml': undefined, 'worker.yaml': undefined, 'built.yaml': undefined },
      phases: { [BYSTANDER]: 'Healthy' },
      running: { [BYSTANDER]: '' },
    },
  ];
}

const CONTAINERFILE = `FROM ${BUSYBOX}
RUN echo one >/one
RUN echo two >/two
`;

const head = (kind: string, name: string, namespace: string): string =>
  `apiVersion: ${kind === 'Secret' ? 'v1' : 'rookery.dev/v1alpha1'}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\n`;

const sharedText = ({ namespace }: Scene): string =>
  [
    head('Volume', 'data', namespace),
    `${head('Secret', 'api', namespace)}stringData: {token: secret}\n`,
  ].join('---\n');

const groupText = ({ namespace, groupPort }: Scene): string =>
  `${head('PodGroup', 'duo', namespace)}spec: {ports: [{name: http, containerPort: 8080, hostPort: ${groupPort}}]}\n`;

const webText = ({ namespace, webPort }: Scene, version: string): string =>
  agentText({
    name: 'web',
    namespace,
    script: SERVES,
    more: `env: [{name: V, value: "${version}"}]
ports: [{name: http, containerPort: 8080, hostPort: ${webPort}}]
readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}`,
  }).replace('rollout: {', 'rollout: {strategy: BlueGreen, drainSeconds: 0, ');

const workerText = ({ namespace }: Scene, version: string, script = WAITS): string =>
  agentText({
    name: 'worker',
    namespace,
    script,
    more: `env: [{name: V, value: "${version}"}, {name: TOKEN, valueFrom: {secretKeyRef: {name: api, key: token}}}]
dependsOn: [{name: web}]
volumes: [{name: v, volume: {claimName: data}}]
volumeMounts: [{name: v, mountPath: /v}]`,
  });

const builtText = ({ namespace }: Scene): string =>
  agentText({ name: 'built', namespace }).replace(/image: .*\n.*\n/, 'build: {context: image}\n');
