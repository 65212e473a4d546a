import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Podman } from '../../src/podman/podman.ts';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../../src/podman/tar.ts';

export const BUSYBOX = 'localhost/busybox:1';

/** The smallest image that has a shell, made of the distribution's static busybox: no registry is needed. */
export async function ensureBusybox(podman: Podman): Promise<string> {
  const present = await podman.inspectImage(BUSYBOX);
  if (present) return present.id;
  const directory = mkdtempSync(join(tmpdir(), 'rookery-busybox-'));
  try {
    const tarFile = writeBusyboxTar(directory);
    const changes = ['ENV PATH=/bin', 'CMD ["/bin/sh"]'];
    const request = { tarFile, reference: BUSYBOX, changes };
    return (await podman.importImage(request, AbortSignal.timeout(60_000))).id;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** @returns the path of a root file system as a tar archive */
export function writeBusyboxTar(directory: string): string {
  const program = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  const applets = execFileSync(program, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  const parts = [
    ...['bin', 'etc', 'tmp', 'run', 'proc', 'sys', 'dev', 'root'].map((path) =>
      tarHeader(entry(path, 'directory')),
    ),
    file('etc/passwd', Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n')),
    file('etc/group', Buffer.from('root:x:0:\nnogroup:x:65534:\n')),
    file('bin/busybox', readFileSync(program)),
    ...applets
      .filter((applet) => applet !== 'busybox')
      .map((applet) => tarHeader({ ...entry(`bin/${applet}`, 'symlink'), linkTarget: 'busybox' })),
    TAR_END,
  ];
  const tarFile = join(directory, 'busybox.tar');
  writeFileSync(tarFile, Buffer.concat(parts));
  return tarFile;
}

const entry = (path: string, type: TarEntry['type']): TarEntry => ({
  path,
  type,
  mode: 0o755,
  mtimeSeconds: 0,
  sizeBytes: 0,
});

const file = (path: string, bytes: Buffer): Buffer =>
  Buffer.concat([
    tarHeader({ ...entry(path, 'file'), sizeBytes: bytes.length }),
    bytes,
    tarPadding(bytes.length),
  ]);
