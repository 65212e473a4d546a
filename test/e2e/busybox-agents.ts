import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BUSYBOX, writeBusyboxTar } from '../contract/busybox.ts';
import type { PodmanHost } from './podman-host.ts';

export async function ensureBusybox(host: PodmanHost): Promise<void> {
  const images = await host.podman('images', '--quiet', BUSYBOX);
  if (images !== '') return;
  const directory = mkdtempSync(join(tmpdir(), 'rookery-busybox-'));
  try {
    const changes = ['--change', 'ENV PATH=/bin', '--change', 'CMD ["/bin/sh"]'];
    await host.podman('import', '--quiet', ...changes, writeBusyboxTar(directory), BUSYBOX);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** What waits until it is told to stop. */
export const WAITS = "trap 'exit 0' TERM; sleep 1000000 & wait";

interface AgentText {
  readonly name: string;
  readonly namespace: string;
  readonly script?: string;
  /** More fields of `spec`, one a line, not indented. */
  readonly more?: string;
}

/** The manifest of an agent that starts and settles at once. */
export const agentText = ({ name, namespace, script = WAITS, more = '' }: AgentText): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  image: ${BUSYBOX}
  imagePullPolicy: Never
  command: [/bin/sh, -c]
  args:
    - |
${indent(script, 6)}
  terminationGracePeriodSeconds: 1
  rollout: {minHealthySeconds: 0, healthyDeadlineSeconds: 20, monitorSeconds: 1}
${indent(more, 2)}
`;

const indent = (text: string, by: number): string => text.trimEnd().replace(/^(?=.)/gm, ' '.repeat(by));

/** An HTTP server on port 8080 that says hello. */
export const SERVES = `mkdir -p /tmp/www; echo hello >/tmp/www/index.html
httpd -f -p 8080 -h /tmp/www & trap 'exit 0' TERM; wait`;
