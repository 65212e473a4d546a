import { join } from 'node:path';
import { parseGitUrl } from '../../src/api/git-url.ts';
import type { KeyString } from '../../src/api/key.ts';
import type { GitStatus, SourceStatus } from '../../src/api/source-status.ts';
import { createGitSource } from '../../src/source/git/git-source.ts';
import type { GitSettings } from '../../src/source/git/settings.ts';
import { createSecretOpener } from '../../src/source/secrets/opener.ts';
import type { Source } from '../../src/source/source.ts';
import type { Snapshot } from '../../src/state/desired.ts';
import type { GitRepository } from './git-repository.ts';

/** A source that follows a repository of a test, with timers that the test sets off. */
export interface FollowedGit {
  readonly source: Source;
  readonly told: SourceStatus[];
  readonly changes: () => number;
  readonly timers: { delayMs: number; callback: () => void }[];
  /** The source's own directory; the next one that follows the same repository takes it over. */
  readonly own: string;
  read(known?: ReadonlySet<KeyString>): Promise<Snapshot>;
  status(): GitStatus;
  close(): Promise<void>;
}

export function followGit(repository: GitRepository, more: Partial<GitSettings> = {}): FollowedGit {
  const own = join(repository.dir, 'state');
  const timers: FollowedGit['timers'] = [];
  const told: SourceStatus[] = [];
  let changes = 0;
  const source = createGitSource({
    directory: own,
    mountsDirectory: join(own, 'mounts'),
    isPreview: false,
    roots: [],
    random: () => 0.5,
    secrets: createSecretOpener(undefined),
    clock: {
      now: () => Date.now(),
      setTimer: (delayMs, callback) => {
        timers.push({ delayMs, callback });
        return () => undefined;
      },
    },
    settings: { ...SETTINGS, url: parseGitUrl(repository.remote), ...more },
  });
  const watched = source.watch({
    onChange: () => (changes += 1),
    onStatus: (status) => told.push(status),
  });
  return {
    source,
    told,
    changes: () => changes,
    timers,
    own,
    read: (known = new Set()) => source.read(known),
    status: () => source.status() as GitStatus,
    close: () => watched.close(),
  };
}

export const SETTINGS: Omit<GitSettings, 'url'> = {
  branch: 'main',
  paths: [''],
  intervalMs: 60_000,
  allowNonFastForward: false,
  submodules: false,
  lfs: false,
  environment: { PATH: process.env['PATH'] ?? '' },
};
