import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogLine, LogOptions, PodmanEvent } from '../../src/podman/podman.ts';
import { type Bench, eventually, never, subjects } from './subjects.ts';

describe.each(subjects())('logs and events on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  const read = async (
    name: string,
    options: Partial<LogOptions> = {},
    signal = never,
  ): Promise<LogLine[]> => {
    const lines: LogLine[] = [];
    const all = { follow: false, timestamps: false, ...options };
    for await (const line of bench.podman.logs(name, all, signal)) lines.push(line);
    return lines;
  };

  const talker = async (suffix: string): Promise<string> => {
    const name = await bench.create(suffix, 'talker');
    await bench.podman.startContainer(name);
    await eventually(async () => (await read(name)).length === 3);
    return name;
  };

  test('a log tells both streams, and only the tail when asked', async () => {
    const name = await talker('talk');
    const lines = await read(name);
    expect(lines.filter((line) => line.stream === 'stdout').map((line) => line.text)).toEqual([
      'one',
      'three',
    ]);
    expect(lines.filter((line) => line.stream === 'stderr').map((line) => line.text)).toEqual(['two']);
    expect(await read(name, { tailLines: 1 })).toHaveLength(1);
    expect(await read(name, { sinceMs: Date.now() + 60_000 })).toEqual([]);
  });

  test('times are told when asked', async () => {
    const name = await talker('times');
    const [line] = await read(name, { timestamps: true });
    expect(Math.abs((line?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(line?.text).not.toContain('Z ');
  });

  test('a followed log ends with its container', async () => {
    const name = await talker('follow');
    const following = read(name, { follow: true });
    await bench.podman.stopContainer(name, 20);
    expect(await following).toHaveLength(3);
  });

  test('a followed log ends when asked to', async () => {
    const name = await talker('abort');
    const stop = new AbortController();
    const lines: LogLine[] = [];
    const all = { follow: true, timestamps: false };
    for await (const line of bench.podman.logs(name, all, stop.signal)) {
      lines.push(line);
      if (lines.length === 3) stop.abort();
    }
    expect(lines).toHaveLength(3);
  });

  test('there is no log of what is not there', async () => {
    await expect(read(bench.name('absent'))).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('events tell what happened, from the past on', async () => {
    const { podman, labels } = bench;
    const stop = new AbortController();
    const seen: PodmanEvent[] = [];
    const startMs = Date.now() - 1_000;
    const name = await bench.create('eventful', 'server');
    const watching = (async () => {
      for await (const event of podman.events(startMs, stop.signal)) seen.push(event);
    })();
    const { id = '' } = (await podman.inspectContainer(name)) ?? {};
    await podman.startContainer(name);
    await podman.killContainer(name, 'KILL');
    await podman.removeContainer(name);
    const actionsOf = () => seen.filter((event) => event.id === id).map((event) => event.action);
    await eventually(async () =>
      ['create', 'start', 'died', 'remove'].every((action) => actionsOf().includes(action)),
    );
    stop.abort();
    await watching;
    const created = seen.find((event) => event.id === id);
    expect(created).toMatchObject({ type: 'container', action: 'create', name });
    expect(created?.labels).toMatchObject(labels);
    expect(Math.abs((created?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });
});
