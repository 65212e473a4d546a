import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemdLab } from './systemd-lab.ts';
import { until } from './until.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('left out without root: the service on a real systemd');

const ROOKERY = 'node /share/bin/rookery';
const PAGE = `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: page}
spec:
  image: localhost/busybox:1
  command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]
  readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
  terminationGracePeriodSeconds: 1
  rollout: {minHealthySeconds: 1, monitorSeconds: 2}
`;
const PREPARE = `
mkdir -p manifests image/bin image/etc image/proc image/sys image/dev image/run image/tmp image/www
cp /bin/busybox image/bin/; ln -sf busybox image/bin/sh
echo root:x:0:0:root:/:/bin/sh >image/etc/passwd; echo ok >image/www/index.html
tar -C image -c . | podman import --quiet - localhost/busybox:1
cat >manifests/page.yaml <<'END'${PAGE}END
`;

const CANARY = 'canary-of-the-service';
const READER = PAGE.replace('name: page', 'name: reader').replace(
  '  readiness',
  '  env: [{name: VALUE, valueFrom: {secretKeyRef: {name: api, key: token}}}]\n  readiness',
);
/** The draft is encrypted before it comes near the repository. */
const PUSH_A_SECRET = `
key=$(${ROOKERY} secrets keygen --age-identity keys/host)
${ROOKERY} secrets keygen --age-identity keys/other
git init --quiet --bare --initial-branch=main remote.git
git clone --quiet remote.git fleet
printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: api}\nstringData:\n  token: ${CANARY}\n' >secret.yaml
${ROOKERY} secrets encrypt secret.yaml --recipient "$key"
mv secret.yaml fleet/; cp manifests/page.yaml fleet/
cat >fleet/reader.yaml <<'END'${READER}END
cd fleet; git add --all; git checkout --quiet -B main
git -c user.name=Ann -c user.email=ann@example.org commit --quiet -m 'the fleet'
git push --quiet origin main
`;

/** systemd 252 and Podman 4.3: the oldest that there is a promise for. */
const lab = createSystemdLab('bookworm');

const rookery = (words: string): Promise<string> => lab.user(`${ROOKERY} ${words}`);
const service = async (property: string): Promise<string> =>
  lab.user(`systemctl --user show rookery.service --property=${property} --value`);
/** The agent's container and when it started: a restart of anything but it changes neither. */
const container = (): Promise<string> =>
  lab.user(
    `podman ps --quiet --filter label=rookery.dev/name=page | xargs -r podman inspect --format '{{.Id}} {{.State.StartedAt}}'`,
  );
const healthy = (): Promise<string> =>
  until('the agent is healthy', async () => (await service('StatusText')) === '1/1 healthy' && 'yes');
const anotherProcess = (before: string): Promise<string> =>
  until('systemd starts it again', async () => {
    const [pid, state] = [await service('MainPID'), await service('ActiveState')];
    return pid !== before && state === 'active' && pid;
  });

// Only root can boot a machine of its own; everyone else is told at the top what is left out.
describe.runIf(isRoot)('a service of a rootless user on a real systemd', () => {
  beforeAll(async () => {
    await lab.up();
    await lab.user(PREPARE);
  }, 700_000);
  afterAll(() => lab.remove());

  test('is installed, ready, and converges', async () => {
    const startedAtMs = performance.now();
    const said = await rookery('service install --manifests manifests');
    console.log(`installed and ready after ${Math.round(performance.now() - startedAtMs)} ms`);
    expect(said.split('\n').slice(0, -1)).toEqual([
      'wrote /home/lab/.config/systemd/user/rookery.service',
      'systemd has read it',
      'enabled podman.socket',
      'lab lingers already: services go on without a session',
      'enabled rookery.service: it starts at boot',
      'started rookery.service, and it is ready',
    ]);
    await healthy();
    expect(await rookery('service status')).toMatch(
      /^Service +active \(running\), starts at boot\nStatus +1\/1 healthy$/m,
    );
    const verified = await lab.user(
      'systemd-analyze --user verify rookery.service 2>&1 | grep rookery || true',
    );
    expect(verified).toBe('');
  });

  test('is left alone by an installation that changes nothing', async () => {
    const before = await service('MainPID');
    expect(await rookery('service install --manifests manifests')).not.toMatch(
      /wrote|changed|enabled pod|started/,
    );
    expect(await service('MainPID')).toBe(before);
  });

  test('writes to the journal with levels and fields', async () => {
    const lines = (await lab.user('journalctl --user --unit rookery --output json --no-pager')).split('\n');
    const entries = lines.map((line) => JSON.parse(line) as Record<string, string>);
    const started = entries.find(({ MESSAGE }) => MESSAGE?.startsWith('start container'));
    expect(started).toMatchObject({
      PRIORITY: '6',
      MESSAGE: expect.stringMatching(/object=Agent\/default\/page cause=/),
    });
  });

  test('reads everything anew on a reload', async () => {
    const before = [await service('MainPID'), await container()];
    await lab.user('systemctl --user reload rookery');
    await until('it says so', async () =>
      (await lab.user('journalctl --user --unit rookery --output cat --no-pager')).includes('reloaded'),
    );
    await healthy();
    expect([await service('MainPID'), await container()]).toEqual(before);
  });

  test('is killed, started again, and takes the agent over as it is', async () => {
    const [pid, before] = [await service('MainPID'), await container()];
    await lab.user(`kill -KILL ${pid}`);
    await anotherProcess(pid);
    await healthy();
    expect(await container()).toBe(before);
  });

  test("outlives a kill of Podman's service", async () => {
    const before = await container();
    await lab.user('systemctl --user kill --signal KILL podman.service');
    await until('there is nothing to do', async () => (await rookery('plan')) === 'nothing to do');
    await healthy();
    expect(await container()).toBe(before);
  });

  test('stops without its agents, and adopts them when it starts', async () => {
    const before = await container();
    await lab.user('systemctl --user stop rookery');
    expect(await container()).toBe(before);
    await lab.user('systemctl --user start rookery');
    await healthy();
    expect(await container()).toBe(before);
  });

  test('is started again by the watchdog when it hangs', async () => {
    const [pid, before] = [await service('MainPID'), await container()];
    const dropIn = '.config/systemd/user/rookery.service.d';
    await lab.user(
      `mkdir -p ${dropIn}; printf '[Service]\\nWatchdogSec=3\\nTimeoutAbortSec=1\\n' >${dropIn}/watchdog.conf; systemctl --user daemon-reload; systemctl --user restart rookery`,
    );
    const watched = await anotherProcess(pid);
    await healthy();
    await lab.user(`kill -STOP ${watched}`);
    await anotherProcess(watched);
    expect(await lab.user('journalctl --user --unit rookery --output cat --no-pager')).toContain(
      'Watchdog timeout',
    );
    await healthy();
    expect(await container()).toBe(before);
    await lab.user(`rm -r ${dropIn}; systemctl --user daemon-reload; systemctl --user restart rookery`);
  });

  test('is upgraded without a restart of an agent', async () => {
    const before = await container();
    await lab.user(
      'mkdir -p new/node_modules; cp -r /share/bin /share/dist /share/package.json new/; cp -r /share/node_modules/zeromq /share/node_modules/cmake-ts new/node_modules/',
    );
    expect(await lab.user('node new/bin/rookery service install --manifests manifests')).toMatch(
      /^changed .*\n(.*\n)*restarted rookery.service/,
    );
    await healthy();
    expect(await container()).toBe(before);
  });

  test('rookery doctor finds this host fit to run agents, and one without a socket not', async () => {
    const levels = async (manifests: string): Promise<Record<string, string>> => {
      const said = await lab.user(`${ROOKERY} doctor --manifests ${manifests} -o json || true`);
      const { findings } = JSON.parse(said) as { findings: { check: string; level: string }[] };
      return Object.fromEntries(findings.map(({ check, level }) => [check, level]));
    };
    const good = {
      linger: 'OK',
      subids: 'OK',
      socket: 'OK',
      dns: 'OK',
      subnets: 'OK',
      names: 'OK',
      ports: 'OK',
    };
    expect(await levels('manifests')).toMatchObject({ ...good, disk: 'OK', podman: 'WARN' });

    await lab.user('podman create --name default.page-0123abcd-1-0 localhost/busybox:1 /bin/sh');
    await lab.user(
      "mkdir low; sed 's/  terminationGrace/  ports: [{name: http, containerPort: 8080, hostPort: 80}]\\n&/' manifests/page.yaml >low/page.yaml",
    );
    expect(await levels('low')).toMatchObject({ ...good, names: 'WARN', ports: 'FAIL' });
    await lab.user('podman rm default.page-0123abcd-1-0');

    const away = await lab.user(`${ROOKERY} doctor --socket /nowhere -o json || echo exit $?`);
    expect(away).toContain('systemctl --user enable --now podman.socket');
    expect(away).toMatch(/exit 2$/);
  });

  test('idles at little cost', async () => {
    const pid = await service('MainPID');
    const look = async (): Promise<{ ms: number; cpu: number; memory: number }> => ({
      ms: performance.now(),
      cpu: Number(await lab.root(`awk '{ print $14 + $15 }' /proc/${pid}/stat`)) * 10,
      memory: Number(await lab.root(`awk '/^Rss/ { print $2 }' /proc/${pid}/smaps_rollup`)) / 1_000,
    });
    const first = await look();
    await until('ten seconds pass', () => performance.now() - first.ms > 10_000);
    const last = await look();
    const percent = ((last.cpu - first.cpu) / (last.ms - first.ms)) * 100;
    console.log(`idle: ${last.memory.toFixed(0)} MB resident, ${percent.toFixed(2)} % of a core`);
    expect(percent).toBeLessThan(20);
  });

  test('comes back after a reboot, its agents with it', async () => {
    await lab.down();
    await lab.up();
    const startedAtMs = performance.now();
    await healthy();
    console.log(`healthy ${Math.round(performance.now() - startedAtMs)} ms after the boot`);
    expect(await service('NRestarts')).toBe('0');
  });

  test('warns a user who does not linger and may not change it, and ends with the last session', async () => {
    const session = (script: string): Promise<string> => lab.root(`su - guest -c '${script}' 2>&1`);
    const warning =
      'rookery: guest does not linger: at the last logout systemd ends this service and all agents';
    const said = await session(
      `mkdir -p m; ${ROOKERY} service install --manifests m; ${ROOKERY} service status; systemctl --user show --property=MainPID --value rookery`,
    );
    expect(said.split(warning)).toHaveLength(3);
    const pid = said.split('\n').at(-1);
    await until(
      'the service is gone',
      async () => (await lab.root(`test -e /proc/${pid} || echo gone`)) === 'gone',
    );
    expect(await session(`${ROOKERY} service uninstall`)).toContain('removed /home/guest/.config');
  });

  test('follows a git repository, and decrypts with an identity that systemd hands it', async () => {
    await lab.user(PUSH_A_SECRET);
    await rookery('service install --git /home/lab/remote.git --age-identity keys/host');
    await until('both agents are healthy', async () => (await service('StatusText')) === '2/2 healthy');
    const unit = await lab.user('cat .config/systemd/user/rookery.service');
    expect(unit).toContain('LoadCredential=age-identity:/home/lab/keys/host\n');
    expect(unit).not.toContain('--age-identity');
    const read = 'podman ps --quiet --filter label=rookery.dev/name=reader';
    expect(await lab.user(`podman exec $(${read}) /bin/sh -c 'echo $VALUE'`)).toBe(CANARY);
    const journal = await lab.user('journalctl --user --unit rookery --output json --no-pager');
    expect(journal).toContain('Agent/default/reader');
    expect(journal).not.toContain(CANARY);
    expect(await lab.user(`grep -rlF ${CANARY} .local/state/rookery || true`)).toBe('');
    const before = await container();
    await lab.user('mv keys/host keys/host.right; cp keys/other keys/host; systemctl --user restart rookery');
    await until('status tells it', async () => /encryptedData\.token/.test(await rookery('status || true')));
    expect(await container()).toBe(before);
    expect(await lab.user(`podman exec $(${read}) /bin/sh -c 'echo $VALUE'`)).toBe(CANARY);
  });

  test('is removed as it was installed, and leaves the agents', async () => {
    const before = await container();
    expect((await rookery('service uninstall')).split('\n')).toEqual([
      'stopped and disabled rookery.service; the agents keep running',
      'removed /home/lab/.config/systemd/user/rookery.service',
      'systemd has forgotten it',
      'disabled podman.socket, which the installation had enabled',
    ]);
    expect(await container()).toBe(before);
    expect(
      await lab.user('find .config -name "*rookery*"; systemctl --user is-enabled podman.socket || true'),
    ).toBe('disabled');
    expect(await rookery('service uninstall')).toMatch(/nothing to remove/);
  });
});
