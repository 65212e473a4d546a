import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSystemdLab } from './systemd-lab.ts';
import { until } from './until.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('left out without root: a git repository on a real systemd');

const ROOKERY = 'node /share/bin/rookery';
const worker = (script: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: worker}
spec:
  image: localhost/busybox:1
  command: [/bin/busybox, sh, -c]
  args: ["${script}"]
  terminationGracePeriodSeconds: 1
  rollout: {minHealthySeconds: 1, monitorSeconds: 2, healthyDeadlineSeconds: 20}
`;
const waits = (edition: string): string => `: ${edition}; while :; do sleep 1; done`;
const PREPARE = `
mkdir -p image/bin image/etc image/proc image/sys image/dev image/run image/tmp
cp /bin/busybox image/bin/; ln -sf busybox image/bin/sh; ln -sf busybox image/bin/sleep
echo root:x:0:0:root:/:/bin/sh >image/etc/passwd
tar -C image -c . | podman import --quiet --change 'ENV PATH=/bin' - localhost/busybox:1
ssh-keygen -q -t ed25519 -N '' -f ann
echo "ann@example.org $(cat ann.pub)" >allowed-signers
printf '#!/bin/sh\\necho "$*" >>/home/lab/notices\\n' >notice.sh; chmod +x notice.sh
echo '{"targets": [{"command": ["/home/lab/notice.sh"]}]}' >notify.json
echo a-secret-of-some-length >webhook-secret; chmod 600 webhook-secret
git init --quiet --bare --initial-branch=main remote.git
git clone --quiet remote.git fleet 2>/dev/null; cd fleet; git checkout --quiet -B main; mkdir base
git config user.name Ann; git config user.email ann@example.org
git config gpg.format ssh; git config user.signingkey /home/lab/ann; git config commit.gpgsign true
`;

/** systemd 257 and Podman 5.4: `systemd-service.test.ts` has the oldest. */
const lab = createSystemdLab('trixie');
const rookery = (words: string): Promise<string> => lab.user(`${ROOKERY} ${words} || true`);
const status = (): Promise<string> => rookery('status');
const running = (): Promise<string> =>
  lab.user("podman ps --no-trunc --format '{{.ID}} {{.Command}}' --filter label=rookery.dev/name=worker");
const notices = async (): Promise<string[]> =>
  (await lab.user('cat notices 2>/dev/null || true')).split('\n').filter(Boolean);

/** Commits, pushes, and tells the webhook; the commit. */
const push = (script: string, more = ''): Promise<string> =>
  lab.user(`
cd fleet; cat >base/worker.yaml <<'END'${worker(script)}END
git add --all; git ${more} commit --quiet --message 'another edition'; git push --quiet origin main
body='{"ref":"refs/heads/main"}'
signature=$(printf %s "$body" | openssl dgst -sha256 -hmac a-secret-of-some-length | sed 's/.* //')
printf 'POST /webhook HTTP/1.0\\r\\nX-Hub-Signature-256: sha256=%s\\r\\nContent-Length: %s\\r\\n\\r\\n%s' \\
  "$signature" "$(printf %s "$body" | wc -c)" "$body" | busybox nc 127.0.0.1 9797 | head -n 1 | grep --quiet 202
git rev-parse --short=12 HEAD`);
const followed = (commit: string, edition: string): Promise<string> =>
  until(`${edition} of ${commit} is healthy`, async () => {
    const said = await status();
    const now = await running();
    return said.includes(commit) && /1\/1 healthy/.test(said) && now.includes(edition) && now;
  });

// Only root can boot a machine of its own; everyone else is told at the top what is left out.
describe.runIf(isRoot)('a repository is followed by the service of a rootless user', () => {
  beforeAll(async () => {
    await lab.up();
    await lab.user(PREPARE);
  }, 700_000);
  afterAll(() => lab.remove());

  test('git push, and the host follows', async () => {
    await lab.user(`cd fleet; cat >base/worker.yaml <<'END'${worker(waits('one'))}END
git add --all; git commit --quiet --message 'the fleet'; git push --quiet origin main`);
    const said = await rookery(
      'service install --git /home/lab/remote.git --path base --interval 1h --verify ssh --allowed-signers allowed-signers --notify notify.json --webhook 9797 --webhook-secret-file webhook-secret',
    );
    expect(said).toContain('started rookery.service, and it is ready');
    await until('the first edition', async () => (await running()).includes('one'));
    const startedAtMs = performance.now();
    await followed(await push(waits('two')), 'two');
    console.log(`commit to converged: ${Math.round(performance.now() - startedAtMs)} ms`);
    expect(await status()).toContain('good (ssh), by ann@example.org');
  });

  test('a bad one is rolled back and told, the next good one goes through and is told', async () => {
    await until('it settled', async () => (await rookery('get agents')).includes('Healthy'));
    await push('exit 3');
    await until('it is rolled back', async () => (await rookery('get agents')).includes('RolledBack'));
    expect(await running()).toContain('two');
    await until('it is told', async () => (await notices()).some((one) => one.startsWith('RolledBack ')));
    await followed(await push(waits('three')), 'three');
    await until('that too', async () => (await notices()).some((one) => one.startsWith('Recovered ')));
    expect(await notices()).toEqual([
      expect.stringMatching(/^RolledBack Agent\/default\/worker .*exit code 3/),
      expect.stringMatching(/^Recovered Agent\/default\/worker/),
    ]);
  });

  test('an unsigned one is refused, also after a kill', async () => {
    const before = await running();
    const commit = await push(waits('evil'), '-c commit.gpgsign=false');
    await until('it is refused', async () => (await status()).includes('Unverified'));
    const pid = await lab.user('systemctl --user show rookery.service --property=MainPID --value');
    await lab.user(`kill -KILL ${pid}`);
    await until('it is back', async () => /Unverified.*has no signature/.test(await status()));
    expect(await running()).toBe(before);
    expect(await status()).toContain(commit);
    await followed(await push(waits('four')), 'four');
    expect(await lab.user('journalctl --user --unit rookery --output cat --no-pager')).not.toContain(
      'a-secret-of',
    );
  });
});
