import { join } from 'node:path';
import { shortCommit } from '../../api/source-status.ts';
import { DEFAULT_NAMESPACE } from '../../api/dns-label.ts';
import type { KeyString } from '../../api/key.ts';
import { findKey } from '../../api/kind-names.ts';
import type { ManifestProblem, Position, Snapshot } from '../../state/desired.ts';
import { assemble } from '../assemble.ts';
import { loadAll } from '../directory.ts';
import type { InputReader } from '../inputs.ts';
import { layered } from '../layers.ts';
import type { LoadedFile } from '../load.ts';
import { isInside, resolveInside, resolveRoots } from '../roots.ts';
import { listManifests } from '../scan.ts';
import type { SecretOpener } from '../secrets/opener.ts';
import type { StatCache } from '../stat-cache.ts';
import type { Checkout } from './checkouts.ts';

export interface ReadOptions {
  /** Directories within the checkout, in the order in which they are merged. */
  readonly paths: readonly string[];
  /** Where manifests may point at besides the checkout. */
  readonly roots: readonly string[];
  readonly origin: string;
  readonly files: StatCache<LoadedFile>;
  readonly inputs: InputReader;
  readonly secrets: SecretOpener;
  readonly settle: (checkout: Checkout, real: string) => Promise<string>;
  readonly now: () => number;
}

export interface ReadCheckout {
  readonly snapshot: Snapshot;
  /** Where Secrets lie in plain text. */
  readonly plaintextSecrets: readonly string[];
}

/** What one commit says. @throws the system's error when one of the paths is not there. */
export async function readCheckout(
  checkout: Checkout,
  options: ReadOptions,
  known: ReadonlySet<KeyString>,
): Promise<ReadCheckout> {
  const { paths, origin, files, inputs, secrets, now } = options;
  const { commit, directory } = checkout;
  const roots = await resolveRoots([directory, ...options.roots]);
  const layers: LoadedFile[] = [];
  for (const path of paths) {
    const place = await resolveInside({ path: path || '.', from: directory, roots: [directory] });
    if (!('path' in place))
      throw new Error(`${quotedPath(path)} of commit ${shortCommit(commit.id)}: ${place.message}`);
    layers.push(await loadAll(await listManifests(join(directory, path), roots), files));
  }
  const loaded = layered(layers, known);
  const snapshot = await assemble(loaded, {
    origin: `${origin}@${shortCommit(commit.id)}`,
    now,
    roots,
    inputs,
    secrets,
    known,
    settle: (real, isWritten) => settled(checkout, options, { real, isWritten }),
  });
  return {
    snapshot: {
      ...relabelled(snapshot, directory),
      commit: commit.id,
      approvedPrunes: new Set(commit.approvals.flatMap(approvedKey)),
    },
    plaintextSecrets: plaintextSecrets(loaded).map((place) => place.replace(`${directory}/`, '')),
  };
}

/** A word that names no object agrees to nothing. */
function approvedKey(word: string): KeyString[] {
  const key = findKey(word, DEFAULT_NAMESPACE);
  return key ? [key] : [];
}

const plaintextSecrets = ({ objects }: LoadedFile): string[] =>
  objects.flatMap(({ object: { manifest, position } }) =>
    manifest.kind === 'Secret' && Object.keys({ ...manifest.data, ...manifest.stringData }).length > 0
      ? [`${position.file}:${position.line}`]
      : [],
  );

const quotedPath = (path: string): string => `--path "${path}"`;

interface Mounted {
  readonly real: string;
  readonly isWritten: boolean;
}

/** A container that wrote into a checkout would lose it with the next commit. */
function settled(checkout: Checkout, { settle }: ReadOptions, { real, isWritten }: Mounted): Promise<string> {
  if (isWritten && isInside(real, [checkout.directory]))
    throw new Error(
      'it is in the git checkout, which nobody may write to: mount it with readOnly: true, or use a Volume',
    );
  return settle(checkout, real);
}

/** Places are told as in the repository: a file keeps its name from commit to commit. */
function relabelled(snapshot: Snapshot, directory: string): Snapshot {
  const prefix = `${directory}/`;
  const strip = (text: string): string => text.replaceAll(prefix, '').replaceAll(directory, '.');
  const place = <T extends { readonly position: Position }>(item: T): T => ({
    ...item,
    position: { ...item.position, file: strip(item.position.file) },
  });
  const problem = (found: ManifestProblem): ManifestProblem => ({
    ...place(found),
    message: strip(found.message),
  });
  return {
    ...snapshot,
    objects: new Map([...snapshot.objects].map(([key, object]) => [key, place(object)])),
    problems: snapshot.problems.map(problem),
  };
}
