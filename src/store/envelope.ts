import { messageOf } from '../api/errors.ts';
import { StoreError } from './errors.ts';
import type { StateFiles } from './files.ts';

/** Bumped when the shape of what is stored changes; a reader of an older one then converts it here. */
const SCHEMA_VERSION = 2;

export const seal = (value: unknown): string =>
  `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, value })}\n`;

export type Warn = (message: string) => void;

export interface Reading<T> {
  readonly files: StateFiles;
  readonly warn: Warn;
  /** Epoch milliseconds, for the name in quarantine. */
  readonly nowMs: number;
  readonly isValid: (value: unknown) => value is T;
  /** Brings what an earlier version wrote into today's shape. */
  readonly upgrade?: (value: T) => T;
}

/**
 * The value in a file; `undefined` when there is none. A damaged file is moved to `quarantine/` with a warning: one
 * broken object must not keep the others down. Throws `TooNew` for what a newer Rookery wrote, which is no damage.
 */
export async function readSealed<T>(path: string, reading: Reading<T>): Promise<T | undefined> {
  try {
    return await readStrictly(path, reading);
  } catch (error) {
    if (error instanceof StoreError && error.kind === 'TooNew') throw error;
    await quarantine(path, messageOf(error), reading);
    return undefined;
  }
}

/** As `readSealed`, but throws when the file is damaged. */
export async function readStrictly<T>(
  path: string,
  { files, isValid }: Pick<Reading<T>, 'files' | 'isValid'>,
): Promise<T | undefined> {
  const text = await files.read(path);
  if (text === undefined) return undefined;
  const value = unseal(path, text);
  if (isValid(value)) return value;
  throw new Error('it does not hold what its name says');
}

function unseal(path: string, text: string): unknown {
  const envelope: unknown = JSON.parse(text);
  if (!isObject(envelope) || typeof envelope['schemaVersion'] !== 'number')
    throw new Error('no schemaVersion');
  if (envelope['schemaVersion'] > SCHEMA_VERSION) {
    throw new StoreError(
      'TooNew',
      `${path} was written by a newer Rookery (schema ${envelope['schemaVersion']}, this one knows ${SCHEMA_VERSION}): run that version, or choose another --state-dir`,
    );
  }
  return envelope['value'];
}

async function quarantine<T>(path: string, why: string, { files, warn, nowMs }: Reading<T>): Promise<void> {
  const aside = `quarantine/${path.replaceAll('/', '-')}.${nowMs}`;
  await files.move(path, aside);
  warn(`${path} is damaged (${why}); moved to ${aside}, its object starts from what is observed`);
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
