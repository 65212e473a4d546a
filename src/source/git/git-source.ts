import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyString } from '../../api/key.ts';
import type { GitStatus, SourceFailure } from '../../api/source-status.ts';
import type { Snapshot } from '../../state/desired.ts';
import type { WatchClock } from '../debounce.ts';
import { createInputReader, type InputReader } from '../inputs.ts';
import type { LoadedFile } from '../load.ts';
import { systemWords } from '../roots.ts';
import type { FetchOptions, Source, SourceListener } from '../source.ts';
import type { SecretOpener } from '../secrets/opener.ts';
import { createStatCache, type StatCache } from '../stat-cache.ts';
import { coalesced, createTurns, inTime, once, type Turns } from '../turns.ts';
import { createCheckouts } from './checkouts.ts';
import { accept, type Applied, failureOf, fetchHead, type Follower, gather, resume } from './follow.ts';
import { createModules } from './modules.ts';
import { createMounts, type Mounts } from './mounts.ts';
import { placeholdersOf } from './placeholders.ts';
import { readCheckout } from './read.ts';
import { openRepository } from './repository.ts';
import type { GitSettings } from './settings.ts';

export interface GitSourceOptions {
  /** Of our own, for everything of git's. */
  readonly directory: string;
  /** Where what containers mount lies for good. */
  readonly mountsDirectory: string;
  /** Nothing is put there: somebody only asks what would be done. */
  readonly isPreview: boolean;
  readonly settings: GitSettings;
  /** Where manifests may point at besides the checkout. */
  readonly roots: readonly string[];
  readonly secrets: SecretOpener;
  readonly clock: WatchClock;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** A remote that does not answer must not keep a host that has booted from starting what it ran before. */
const FIRST_FETCH_MS = 5_000;
const JITTER = 0.1;

/** Follows a branch: what is applied is always one whole commit, and stays it until a newer one is whole and allowed. */
export function createGitSource(options: GitSourceOptions): Source {
  const ending = new AbortController();
  const session: Session = {
    options,
    ending,
    tools: once(() => openTools(options, ending.signal)),
    disk: createTurns(),
    listener: { onChange: () => undefined, onStatus: () => undefined },
    status: firstStatus(options.settings),
    applied: undefined,
  };
  const network = createTurns();
  const fetch = coalesced(network, (wish: FetchOptions) => fetchNewer(session, wish));
  const begin = once(async () => {
    await inTime(fetch({}), FIRST_FETCH_MS, options.clock);
    await goOn(session);
  });
  return {
    absenceMs: 0,
    status: () => session.status,
    fetch: (wish = {}) => fetch(wish),
    read: async (known) => {
      await begin();
      return session.disk(() => read(session, known));
    },
    watch: (listener) => {
      session.listener = listener;
      const cancel = poll(options, () => fetch({}));
      return {
        close: async () => {
          cancel();
          ending.abort();
          await Promise.all([network(() => Promise.resolve()), session.disk(() => Promise.resolve())]);
        },
      };
    },
    collect: (inUse) => session.disk(() => collect(session, inUse)),
  };
}

interface Session {
  readonly options: GitSourceOptions;
  readonly ending: AbortController;
  readonly tools: () => Promise<Tools>;
  /** Reading never waits for the network: what is applied is read while the remote does not answer. */
  readonly disk: Turns;
  listener: SourceListener;
  status: GitStatus;
  applied: Applied | undefined;
}

/** Asks the remote, and applies what is new and allowed. */
async function fetchNewer(session: Session, { allowNonFastForward = false }: FetchOptions): Promise<void> {
  const { clock } = session.options;
  try {
    const { follower } = await session.tools();
    const head = await fetchHead(follower);
    session.status = { ...session.status, fetchedAt: new Date(clock.now()).toISOString() };
    if (head === session.applied?.checkout.commit.id) return tell(session, {});
    const applied = await gather(follower, head, allowNonFastForward);
    await session.disk(async () => {
      await accept(follower, applied);
      apply(session, applied);
    });
  } catch (error) {
    fail(session, error);
  }
}

/** Without an answer of the remote: what the last run applied. */
const goOn = (session: Session): Promise<void> =>
  session
    .disk(async () => {
      if (session.applied) return;
      const resumed = await resume((await session.tools()).follower);
      // What the fetch has said stays true.
      if (resumed) apply(session, resumed, session.status.failure);
    })
    .catch((error: unknown) => {
      // Why the newest commit is refused says more than why an older one cannot be gone on with.
      if (session.status.failure?.commit === undefined) fail(session, error);
    });

function apply(session: Session, applied: Applied, failure?: SourceFailure): void {
  const before = session.applied?.checkout.commit.id;
  session.applied = applied;
  tell(session, { ...appliedStatus(applied, session.options.settings), ...(failure && { failure }) });
  if (applied.checkout.commit.id !== before) session.listener.onChange();
}

function fail(session: Session, error: unknown): void {
  if (session.ending.signal.aborted) return;
  tell(session, { failure: failureOf(error, session.status, session.options.clock.now()) });
}

/** A failure that is not told again is over. */
function tell(session: Session, change: Partial<GitStatus>): void {
  const { failure: _over, ...rest } = session.status;
  const status = { ...rest, ...change };
  if (JSON.stringify(status) === JSON.stringify(session.status)) return;
  session.status = status;
  session.listener.onStatus(status);
}

function tellPlaintext(session: Session, places: readonly string[]): void {
  const { plaintextSecrets = [], failure } = session.status;
  if (places.join() === plaintextSecrets.join()) return;
  tell(session, { plaintextSecrets: places, ...(failure && { failure }) });
}

async function collect(session: Session, inUse: (path: string) => boolean): Promise<void> {
  const { mounts, follower } = await session.tools();
  await mounts.collect(inUse);
  if (session.applied) await follower.checkouts.collect(session.applied.checkout.commit.id);
}

const firstStatus = ({ url, branch, paths, verify }: GitSettings): GitStatus => ({
  type: 'Git',
  origin: url.text,
  branch,
  paths,
  ...(verify && { verification: { type: verify.type } }),
});

const appliedStatus = ({ checkout, signer }: Applied, { verify }: GitSettings): Partial<GitStatus> => ({
  commit: {
    id: checkout.commit.id,
    subject: checkout.commit.subject,
    author: checkout.commit.author,
    committedAt: new Date(checkout.commit.committedAtMs).toISOString(),
  },
  placeholders: placeholdersOf(checkout.elsewhere),
  ...(verify && { verification: { type: verify.type, ...(signer !== undefined && { signer }) } }),
});

interface Tools {
  readonly follower: Follower;
  readonly mounts: Mounts;
  readonly files: StatCache<LoadedFile>;
  readonly inputs: InputReader;
}

async function openTools(options: GitSourceOptions, signal: AbortSignal): Promise<Tools> {
  const { settings, clock } = options;
  const now = (): number => clock.now();
  const repository = await openRepository({ directory: options.directory, settings, signal });
  const directory = await realpath(options.directory);
  const modules = createModules(join(directory, 'modules'), repository, settings);
  const checkouts = createCheckouts(join(directory, 'checkouts'), { repository, modules, settings, now });
  return {
    follower: { repository, checkouts, settings },
    mounts: createMounts(options.mountsDirectory, options.isPreview),
    files: createStatCache<LoadedFile>(now),
    inputs: createInputReader(now),
  };
}

async function read(session: Session, known: ReadonlySet<KeyString>): Promise<Snapshot> {
  const { options, applied, status } = session;
  const { settings, roots, secrets, clock } = options;
  if (!applied) return unreadable(whyNothing(status), options);
  const { mounts, files, inputs } = await session.tools();
  const reading = { paths: settings.paths, roots, origin: settings.url.text, files, inputs, secrets };
  const how = { ...reading, settle: mounts.settle, now: () => clock.now() };
  try {
    const { snapshot, plaintextSecrets } = await readCheckout(applied.checkout, how, known);
    tellPlaintext(session, plaintextSecrets);
    return snapshot;
  } catch (error) {
    return unreadable(`the manifests cannot be read: ${systemWords(error)}`, options);
  } finally {
    files.sweep();
    inputs.sweep();
    secrets.sweep();
  }
}

const whyNothing = ({ failure, origin }: GitStatus): string =>
  failure ? `${failure.reason}: ${failure.message}` : `${origin} has not answered yet`;

const unreadable = (rootError: string, { settings, clock }: GitSourceOptions): Snapshot => ({
  objects: new Map(),
  problems: [],
  complete: false,
  rootError,
  origin: settings.url.text,
  takenAtMs: clock.now(),
});

/** Again and again, not to the second: a hundred hosts do not ask at once. */
function poll({ settings, clock, random }: GitSourceOptions, ask: () => Promise<void>): () => void {
  let cancel = (): void => undefined;
  let isOver = false;
  const arm = (): void => {
    if (isOver) return;
    const delayMs = settings.intervalMs * (1 - JITTER + 2 * JITTER * random());
    cancel = clock.setTimer(delayMs, () => void ask().then(arm, arm));
  };
  arm();
  return () => {
    isOver = true;
    cancel();
  };
}
