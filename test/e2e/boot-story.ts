import { freePort } from '../fakes/ports.ts';
import { agentText } from './busybox-agents.ts';
import type { Site } from './site.ts';

/** Whose answer each must have before it starts: of those it names, and of the layers below its own. */
export const NEEDS: Readonly<Record<string, readonly string[]>> = {
  bus: [],
  store: ['bus'],
  web: ['bus'],
  left: ['bus', 'store'],
  right: ['bus', 'left'],
  brain: ['store', 'web'],
  face: ['bus', 'store', 'web', 'left', 'right', 'brain'],
};

/** Dies of the first name that leads to no answer, and takes a moment before it answers itself. */
const script = (asks: readonly string[], port: number): string => `
echo "started $(cut -d ' ' -f 1 /proc/uptime)"
for one in ${asks.join(' ')}; do timeout 5 wget -q -O - "http://$one/" >/dev/null || { echo "no $one"; exit 7; }; done
sleep 0.5; mkdir -p /tmp/www; echo hello >/tmp/www/index.html
echo "served $(cut -d ' ' -f 1 /proc/uptime)"
httpd -f -p ${port} -h /tmp/www & trap 'exit 0' TERM; wait`;

const on = (name: string): string => `${name}:8080`;
const needing = (...names: string[]): string =>
  `dependsOn: [${names.map((name) => `{name: ${name}}`).join(', ')}]`;

export async function writeColony({ namespace, write }: Site): Promise<void> {
  const agent = (name: string, asks: readonly string[], more: readonly string[], port = 8080): string =>
    agentText({
      name,
      namespace,
      script: script(asks, port),
      more: [...more, `readinessProbe: {httpGet: {path: /, port: ${port}}, periodSeconds: 1}`].join('\n'),
    });
  const ports = `ports: [{name: http, containerPort: 8080, hostPort: ${await freePort()}}]`;
  const web = agent('web', [on('bus')], ['layer: 1', needing('bus'), ports]);
  write('bus.yaml', agent('bus', [], ['layer: 0']));
  write('store.yaml', agent('store', [on('bus')], ['layer: 1', needing('bus')]));
  write('web.yaml', web.replace('rollout: {', 'rollout: {strategy: BlueGreen, drainSeconds: 0, '));
  write('left.yaml', agent('left', [on('store')], ['layer: 1', 'podGroup: duo', needing('store')]));
  write('right.yaml', agent('right', [on('left')], ['layer: 1', 'podGroup: duo', needing('left')], 8081));
  write('brain.yaml', agent('brain', [on('store'), on('web')], ['layer: 1', needing('store', 'web')]));
  // It names nobody: its layer holds it back.
  write('face.yaml', agent('face', [on('brain'), on('left')], ['layer: 2']));
  write('duo.yaml', groupText(namespace));
}

const groupText = (namespace: string): string =>
  `apiVersion: rookery.dev/v1alpha1\nkind: PodGroup\nmetadata: {name: duo, namespace: ${namespace}}\nspec: {}\n`;
