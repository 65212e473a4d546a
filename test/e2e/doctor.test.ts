import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGitRepository, type GitRepository } from '../fakes/git-repository.ts';
import { agentYaml } from '../fakes/manifest-tree.ts';
import { ensureBusybox } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';

let site: Site;
let repository: GitRepository;
beforeAll(async () => {
  site = openSite({ env: { ROOKERY_MANIFESTS: '' } });
  await ensureBusybox(site.host);
  repository = createGitRepository();
  repository.push({ 'a.yaml': agentYaml('a') });
});
afterAll(async () => {
  await site?.cleanUp();
  repository?.dispose();
});

test('doctor has one container ask for another, asks the repository, and leaves nothing', async () => {
  const said = await site.rookery('doctor', '--git', repository.remote, '-o', 'json');
  const { findings } = JSON.parse(said.stdout) as {
    findings: { check: string; level: string; message: string }[];
  };
  const lookup = findings.find(({ check }) => check === 'lookup');
  process.stdout.write(`lookup: ${lookup?.level} ${lookup?.message}\n`);
  expect(lookup?.message).toMatch(/found another by its name/);
  expect(findings.find(({ check }) => check === 'git')).toMatchObject({ level: 'OK' });
  const names = [
    await site.host.podman('ps', '--all', '--format', '{{.Names}}'),
    await site.host.podman('network', 'ls', '--format', '{{.Name}}'),
  ];
  expect(names.join('\n')).not.toContain('rookery-doctor');
  const away = await site.rookery('doctor', '--git', join(repository.dir, 'nowhere.git'));
  expect(away.exitCode).toBe(2);
  expect(away.stdout).toMatch(/^git: let this user read it, or correct --git$/m);
});
