import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemdLab } from './systemd-lab.ts';
import { until } from './until.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('left out without root: holders and routes below the installed units');

const ROOKERY = 'node /share/bin/rookery';
const manifest = (port: number): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: page}
spec:
  image: localhost/busybox:1
  command: [/bin/busybox, sh, -c]
  args: ["echo $EDITION >/tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp"]
  env: [{name: EDITION, value: one}]
  ports: [{name: http, containerPort: 8080, hostPort: ${port}}]
  readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
  terminationGracePeriodSeconds: 1
  rollout: {strategy: BlueGreen, drainSeconds: 1, minHealthySeconds: 1, monitorSeconds: 2}
`;
const prepare = (port: number): string => `
cd; mkdir -p m image/bin image/etc image/proc image/sys image/dev image/run image/tmp
cp /bin/busybox image/bin/; ln -sf busybox image/bin/sh; echo root:x:0:0:root:/:/bin/sh >image/etc/passwd
tar -C image -c . | podman import --quiet --change 'ENV PATH=/bin' - localhost/busybox:1
cat >m/page.yaml <<'END'${manifest(port)}END
`;
/** Without CAP_SYS_RESOURCE, as in the lab, crun cannot load the rules of devices: no container would start. */
const WITHOUT_DEVICE_RULES = `
printf '[containers]\\ncgroups = "disabled"\\n' >/root/containers.conf
mkdir -p /etc/systemd/system/podman.service.d
printf '[Service]\\nEnvironment=CONTAINERS_CONF=/root/containers.conf\\n' >/etc/systemd/system/podman.service.d/lab.conf
systemctl daemon-reload; systemctl stop podman.service 2>/dev/null
`;
/** Asks until the new edition has answered ten times: how often, and how often there was no answer. */
const ask = (port: number): string => `
n=0 bad=0 new=0; end=$(($(date +%s) + 60))
while [ $new -lt 10 ] && [ $(date +%s) -lt $end ]; do
  got=$(busybox wget -q -O - http://127.0.0.1:${port}/ || true); n=$((n + 1))
  case "$got" in one) ;; two) new=$((new + 1)) ;; *) bad=$((bad + 1)) ;; esac
done
echo "$n $bad $new"
`;

const lab = createSystemdLab('bookworm');

beforeAll(async () => {
  if (!isRoot) return;
  await lab.up();
  await lab.root(WITHOUT_DEVICE_RULES);
}, 700_000);
afterAll(() => (isRoot ? lab.remove() : undefined));

// Only root can boot a machine of its own; everyone else is told at the top what is left out.
describe.runIf(isRoot).each([
  {
    who: 'root, a service of the system',
    port: 8088,
    run: lab.root,
    systemctl: 'systemctl',
    scope: '--system',
  },
  { who: 'a rootless user', port: 8089, run: lab.user, systemctl: 'systemctl --user', scope: '--user' },
])('below the unit of $who', ({ port, run, systemctl, scope }) => {
  const rookery = (words: string): Promise<string> => run(`cd; ${ROOKERY} ${words}`);
  const service = (property: string): Promise<string> =>
    run(`${systemctl} show rookery.service --property=${property} --value`);
  const containers = (): Promise<string> => run("podman ps --format '{{.ID}} {{.Names}}' | sort");
  const healthy = (): Promise<string> =>
    until('it is healthy', async () => (await service('StatusText')) === '1/1 healthy' && 'yes');

  /** The old revision is kept until the new one has proved itself. */
  const settled = (): Promise<string> =>
    until('the holder and one replica are left', async () => {
      const found = await containers();
      return found.split('\n').length === 2 && found;
    });

  beforeAll(() => run(prepare(port)));

  test('the sandbox lets a holder be made and its routes be set, and an update loses no request', async () => {
    const said = await rookery(`service install ${scope} --manifests m`);
    expect(said).toContain('started rookery.service, and it is ready');
    await healthy();
    expect(await containers()).toContain('default.page-holder');
    const [, counts] = await Promise.all([
      run("cd; sed -i 's/value: one/value: two/' m/page.yaml"),
      run(ask(port)),
    ]);
    const [asked = 0, lost, fresh] = counts.split(' ').map(Number);
    console.log(`${asked} requests over the update, ${lost} without an answer`);
    expect([lost, fresh, asked > 10]).toEqual([0, 10, true]);
    await healthy();
    expect(await rookery('events')).not.toMatch(/EPERM|not permitted/i);
  });

  // For root's unit alone: of a user's `systemd-service.test.ts` shows the same.
  test.runIf(scope === '--system')(
    'it is killed, comes back, and touches nothing; and is removed without the agent',
    async () => {
      const [pid, before] = [await service('MainPID'), await settled()];
      await run(`kill -KILL ${pid}`);
      await until('systemd starts it again', async () => {
        const now = await service('MainPID');
        return now !== pid && now !== '0' && (await service('ActiveState')) === 'active';
      });
      await healthy();
      expect(await containers()).toBe(before);
      expect(await rookery('service status')).toMatch(/active \(running\), starts at boot/);
      expect(await rookery(`service uninstall ${scope}`)).toContain('the agents keep running');
      expect(await containers()).toBe(before);
      expect(await run(`busybox wget -q -O - http://127.0.0.1:${port}/`)).toBe('two');
    },
  );
});
