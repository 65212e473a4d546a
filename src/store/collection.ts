import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import { isObject, type Reading, readSealed, seal } from './envelope.ts';
import { isSameJson } from '../state/same-json.ts';
import { createSerial } from './serial.ts';

/** Objects by key, each in a file of its own, all of them in memory. Callers never change what they got. */
export interface Collection<T extends Keyed> {
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  /** Durable when it resolves, and visible to `get` from then on; writes nothing when nothing changed. */
  put(value: T): Promise<void>;
  /** Absent is success. */
  delete(key: ObjectKey): Promise<void>;
  /** Puts what becomes of it, or deletes it; nobody writes it in between. */
  update(key: ObjectKey, change: (current: T | undefined) => T | undefined): Promise<void>;
}

export interface Keyed {
  readonly key: ObjectKey;
}

export async function loadCollection<T extends Keyed>(
  directory: string,
  reading: Reading<T>,
): Promise<Collection<T>> {
  const { files } = reading;
  const serial = createSerial();
  const byKey = await readAll(directory, reading);
  const fileOf = (key: ObjectKey): string => `${directory}/${fileName(key)}`;
  const write = async (value: T): Promise<void> => {
    const before = byKey.get(keyString(value.key));
    if (before !== undefined && isSameJson(before, value)) return;
    await files.write(fileOf(value.key), seal(value), 'Durable');
    byKey.set(keyString(value.key), value);
  };
  const remove = async (key: ObjectKey): Promise<void> => {
    if (!byKey.has(keyString(key))) return;
    await files.remove(fileOf(key));
    byKey.delete(keyString(key));
  };

  return {
    get: (key) => byKey.get(keyString(key)),
    list: () => [...byKey.values()],
    put: (value) => serial.run(keyString(value.key), () => write(value)),
    delete: (key) => serial.run(keyString(key), () => remove(key)),
    update: (key, change) =>
      serial.run(keyString(key), () => {
        const value = change(byKey.get(keyString(key)));
        return value === undefined ? remove(key) : write(value);
      }),
  };
}

async function readAll<T extends Keyed>(directory: string, reading: Reading<T>): Promise<Map<KeyString, T>> {
  const names = [...(await reading.files.list(directory))].sort();
  const isOwn =
    (name: string) =>
    (value: unknown): value is T =>
      isKeyed(value) && fileName(value.key) === name && reading.isValid(value);
  const values = await Promise.all(
    names.map((name) => readSealed<T>(`${directory}/${name}`, { ...reading, isValid: isOwn(name) })),
  );
  const { upgrade = (value: T) => value } = reading;
  return new Map(
    values
      .filter((value) => value !== undefined)
      .map((value) => [keyString(value.key), upgrade(value)] as const),
  );
}

/** Kinds, namespaces and names hold no dot, so that no two keys share a file. */
const fileName = ({ kind, namespace, name }: ObjectKey): string =>
  `${[kind, namespace, name].map(encodeURIComponent).join('.')}.json`;

function isKeyed(value: unknown): value is Keyed {
  if (!isObject(value) || !isObject(value['key'])) return false;
  const { kind, namespace, name } = value['key'];
  return typeof kind === 'string' && typeof namespace === 'string' && typeof name === 'string';
}
