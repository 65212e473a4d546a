import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KeyString } from './api/key.ts';
import type { Config } from './config.ts';
import type { Clock } from './manager/clock.ts';
import type { Log } from './manager/reconciler.ts';
import { type ContainerFiles, createContainerFiles } from './podman/container-files.ts';
import type { Podman } from './podman/podman.ts';
import { isPortFree } from './podman/ports.ts';
import type { Traffic } from './podman/traffic.ts';
import { networkNamespaceOf } from './probe/namespace.ts';
import type { RunProbe } from './probe/probe.ts';
import { createReach } from './probe/reach.ts';
import { createRunProbe } from './probe/run.ts';
import { createDirectoryReader } from './source/directory.ts';
import { watchDirectory } from './source/watch.ts';
import type { Snapshot } from './state/desired.ts';
import { createTraffic } from './traffic/traffic.ts';

/** Everything that touches the host besides Podman and the store; a simulation brings its own. */
export interface Adapters {
  readonly read: (known: ReadonlySet<KeyString>) => Promise<Snapshot>;
  readonly watch: (onChange: () => void) => { close(): Promise<void> };
  readonly runProbe: RunProbe;
  readonly isPortFree: (hostIP: string, port: number, protocol: 'tcp' | 'udp') => Promise<boolean>;
  readonly traffic: Traffic;
  /** As Node names it. */
  readonly architecture: string;
  readonly files: ContainerFiles;
  readonly random: () => number;
  readonly newUid: () => string;
  readonly close: () => Promise<void>;
}

export interface HostParts {
  readonly config: Config;
  readonly podman: Podman;
  readonly rootless: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

export function createAdapters({ config, podman, rootless, clock, log }: HostParts): Adapters {
  const now = (): number => clock.now();
  const reader = createDirectoryReader({
    directory: config.manifestsDir,
    now,
    digestFile: join(config.stateDir, 'digests.json'),
    ...(config.roots.length > 0 && { roots: config.roots }),
  });
  const onWatchError = (reason: string): void =>
    log.warn({ reason }, 'cannot watch the manifests; they are still read every 20 s');
  const socketDir = join(dirname(config.apiSocketPath), 'probe');
  const reach = createReach({ rootless, socketDir, clock });
  return {
    read: reader.read,
    watch: (onChange) => watchDirectory({ directory: config.manifestsDir, clock, onWatchError }, onChange),
    runProbe: createRunProbe({
      clock,
      open: reach.open,
      exec: (id, command, signal) => podman.exec(id, command, signal),
    }),
    isPortFree,
    traffic: createTraffic({ enter: (pid) => networkNamespaceOf(pid)?.enter }),
    architecture: process.arch,
    files: createContainerFiles(join(realPathOf(config.stateDir), 'mounts'), now),
    random: Math.random,
    newUid: randomUUID,
    close: reach.close,
  };
}

/** Binds must be real paths; the state directory may lie behind a link. */
function realPathOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
