import { basename, dirname, join } from 'node:path';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import { containerPath } from './inspect-container.ts';
import { FILES, runTar, VOLUME } from './volume-tar.ts';
import type { WireContainerSummary } from './wire.ts';

/**
 * Puts what an export holds into a volume, owners and modes as they were. Only into an empty one that
 * no running or paused container has: what is there is never written over, and no program sees half of it.
 */
export async function restoreVolume(dial: Dial, volume: string, fromFile: string): Promise<void> {
  const what = `restore volume ${volume}`;
  await refuseUsed(dial, volume, what);
  await runTar(
    dial,
    {
      volume,
      filesDirectory: dirname(fromFile),
      writes: 'Volume',
      args: ['-x', '-p', '--numeric-owner', '-f', join(FILES, basename(fromFile)), '-C', VOLUME],
      what,
    },
    (container) => refuseFull(dial, { container, what }),
  );
}

async function refuseUsed(dial: Dial, volume: string, what: string): Promise<void> {
  const query = { filters: JSON.stringify({ volume: [volume], status: ['running', 'paused'] }) };
  const users = await dial.call<WireContainerSummary[]>({
    method: 'GET',
    path: '/containers/json',
    query,
    what,
  });
  const [user] = users.body ?? [];
  if (user)
    throw new PodmanError(
      'InUse',
      `Podman could not ${what}: container ${user.Names?.[0] ?? user.Id} runs with it; restore before its agents are there`,
    );
}

interface Filled {
  readonly container: string;
  readonly what: string;
}

async function refuseFull(dial: Dial, { container, what }: Filled): Promise<void> {
  const path = `${containerPath(container)}/archive`;
  const query = { path: `${VOLUME}/.` };
  const archive = dial.stream({ method: 'GET', path, query, what, timeoutMs: LOOK_TIMEOUT_MS });
  if (await holdsSomething(archive))
    throw new PodmanError('InUse', `Podman could not ${what}: it is not empty, and nothing is written over`);
}

const LOOK_TIMEOUT_MS = 30_000;
const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const TYPE_AT = 156;
const EXTENDED = 'xgLK';
/** More than any headers of the root alone have. */
const LOOK_AT_BYTES = 16 * 1024;

/** Anything but its root. */
async function holdsSomething(archive: AsyncIterable<Buffer>): Promise<boolean> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of archive) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes >= LOOK_AT_BYTES) return true;
  }
  return entryNames(Buffer.concat(chunks)).some((name) => name.replaceAll(/^[./]+|\/+$/g, '') !== '');
}

function entryNames(archive: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at + BLOCK_BYTES <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + BLOCK_BYTES);
    const size = Number.parseInt(header.toString('latin1', 124, 135), 8) || 0;
    if (!EXTENDED.includes(header.toString('latin1', TYPE_AT, TYPE_AT + 1)))
      names.push(header.toString('utf8', 0, NAME_BYTES).replace(/\0.*$/s, ''));
    at += BLOCK_BYTES * (1 + Math.ceil(size / BLOCK_BYTES));
  }
  return names;
}
