import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IMAGE } from './host.ts';

const PORT = 8080;
const COMMAND = ['httpd', '-f', '-p', String(PORT), '-h', '/tmp'];

export const names = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `a${String(index + 1).padStart(3, '0')}`);

export type Probing = 'none' | 'tcp';

const probeOf = (probing: Probing): string =>
  probing === 'none' ? '' : `  readinessProbe: {tcpSocket: {port: ${PORT}}, periodSeconds: 10}\n`;

export interface AgentKind {
  readonly probing?: Probing;
  /** Another one is another revision. */
  readonly version?: number;
}

/** No soak and no monitor window: those are time on purpose, not speed. */
export const agentText = (name: string, { probing = 'none', version = 0 }: AgentKind = {}): string =>
  `apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}, namespace: bench}
spec:
  image: ${IMAGE}
  imagePullPolicy: Never
  command: ${JSON.stringify(COMMAND)}
${version === 0 ? '' : `  env: [{name: VERSION, value: "${version}"}]\n`}  terminationGracePeriodSeconds: 1
  rollout: {minHealthySeconds: 0, monitorSeconds: 0}
${probeOf(probing)}`;

/** Ends as soon as it begins, whenever it is started. */
export const crashLoopText = (name: string): string => `apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}, namespace: bench}
spec:
  image: ${IMAGE}
  imagePullPolicy: Never
  command: [/bin/sh, -c, exit 3]
`;

export async function writeManifests(directory: string, count: number, probing: Probing): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of names(count))
    await writeFile(join(directory, `${name}.yaml`), agentText(name, { probing }));
}

/** The same programs as pods of one container, with the same privileges. */
export async function writeKube(file: string, count: number): Promise<void> {
  const pods = names(count).map(
    (name) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: ${IMAGE}
    imagePullPolicy: Never
    command: ${JSON.stringify(COMMAND)}
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`,
  );
  await writeFile(file, pods.join('---\n'));
}

export async function writeCompose(file: string, count: number): Promise<void> {
  const services = names(count).map(
    (name) => `  ${name}:
    image: ${IMAGE}
    command: ${JSON.stringify(COMMAND)}
    read_only: true
    cap_drop: [ALL]
    security_opt: ["no-new-privileges"]
`,
  );
  await writeFile(file, `version: "3"\nservices:\n${services.join('')}`);
}
