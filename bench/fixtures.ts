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

/** No soak and no monitor window: those are time on purpose, not speed. */
export async function writeManifests(directory: string, count: number, probing: Probing): Promise<void> {
  await mkdir(directory, { recursive: true });
  const documents = names(count).map(
    (name) => `apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}, namespace: bench}
spec:
  image: ${IMAGE}
  imagePullPolicy: Never
  command: ${JSON.stringify(COMMAND)}
  terminationGracePeriodSeconds: 1
  rollout: {minHealthySeconds: 0, monitorSeconds: 0}
${probeOf(probing)}`,
  );
  for (const [index, text] of documents.entries())
    await writeFile(join(directory, `${names(count)[index]}.yaml`), text);
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
