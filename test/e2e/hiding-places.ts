import { execFileSync } from 'node:child_process';
import type { HostContainer } from './podman-host.ts';

/** Podman 4.3 itself shows the secrets in the environment of a container that runs. */
export const withoutEnvironment = (container: HostContainer): object => ({
  ...container,
  Config: { ...container.Config, Env: [] },
});

/** The files below a directory that hold a text, one a line. */
export const filesWith = (directory: string, text: string): string =>
  execFileSync('sh', ['-c', 'grep -rlF -e "$1" "$2" || true', 'sh', text, directory], { encoding: 'utf8' });
