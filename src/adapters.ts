import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
import { createDirectorySource } from './source/directory-source.ts';
import { createGitSource } from './source/git/git-source.ts';
import { createSecretOpener } from './source/secrets/opener.ts';
import type { Source } from './source/source.ts';
import { createTraffic } from './traffic/traffic.ts';

/** Everything that touches the host besides Podman and the store; a simulation brings its own. */
export interface Adapters {
  readonly source: Source;
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
  /** For what is only looked at: instead of the state directory, where nothing may be changed then. */
  readonly workDirectory?: string;
}

export function createAdapters(parts: HostParts): Adapters {
  const { config, podman, rootless, clock } = parts;
  const now = (): number => clock.now();
  const socketDir = join(dirname(config.apiSocketPath), 'probe');
  const reach = createReach({ rootless, socketDir, clock });
  return {
    source: createSource(parts),
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

function createSource({ config, clock, log, workDirectory }: HostParts): Source {
  const { git, roots, manifestsDir, stateDir } = config;
  const secrets = createSecretOpener(config.ageIdentityFile);
  if (git) {
    const own = join(stateDir, 'source');
    return createGitSource({
      settings: git,
      directory: workDirectory ?? own,
      mountsDirectory: join(realPathOf(stateDir), 'source', 'mounts'),
      isPreview: workDirectory !== undefined,
      roots,
      secrets,
      clock,
      random: Math.random,
    });
  }
  return createDirectorySource({
    directory: manifestsDir,
    digestFile: join(stateDir, 'digests.json'),
    secrets,
    ...(roots.length > 0 && { roots }),
    clock,
    onWatchError: (reason) =>
      log.warn({ reason }, 'cannot watch the manifests; they are still read every 20 s'),
  });
}

/** Binds must be real paths; the state directory may lie behind a link. */
function realPathOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
