import { describe, expect, test } from 'vitest';
import type { LogFormat, LogLevel } from '../src/config.ts';
import { createLog } from '../src/log.ts';
import { redact } from '../src/redact.ts';
import { printable } from '../src/terminal.ts';

function setUp(
  format: LogFormat,
  { level = 'info', colour = false }: { level?: LogLevel; colour?: boolean } = {},
) {
  const lines: string[] = [];
  return { lines, log: createLog({ level, format, colour, write: (text) => lines.push(text) }) };
}

describe('json', () => {
  test('a line is an object with level, time, message and fields', () => {
    const { lines, log } = setUp('json');
    log.info({ object: 'Agent/default/a', retryMs: 5 }, 'started');
    expect(lines[0]).toMatch(/\}\n$/);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      msg: 'started',
      object: 'Agent/default/a',
      retryMs: 5,
    });
  });

  test('what acts on a terminal is escaped, and reads back as it was', () => {
    const { lines, log } = setUp('json');
    const text = 'a\u001b[31mb\u009b2J\u202ec';
    log.warn({ text }, text);
    expect(lines[0]).toMatch(/^[\u0020-\u007e]+\n$/);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ text, msg: text });
  });
});

test('for the journal every line has its level, and no time', () => {
  const { lines, log } = setUp('journal', { level: 'debug' });
  log.debug({}, 'looks');
  log.info({ object: 'Agent/default/a' }, 'starts');
  log.warn({ note: 'two words' }, 'is\nslow');
  log.error({ err: new TypeError('boom') }, 'failed');
  expect(lines.slice(0, 3)).toEqual([
    '<7>looks\n',
    '<6>starts object=Agent/default/a\n',
    '<4>is\n<4>slow note="two words"\n',
  ]);
  expect(lines[3]).toMatch(/^<3>failed\n<3> {2}TypeError: boom\n<3> {2}at /);
});

describe('human', () => {
  test('a line a person can read', () => {
    const { lines, log } = setUp('human');
    log.warn({ object: 'Agent/default/a', note: 'two words', list: [1] }, 'is slow');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d WARN {2}is slow object=Agent\/default\/a note="two words" list=\[1\]\n$/,
    );
  });

  test('an error brings its stack, indented', () => {
    const { lines, log } = setUp('human');
    log.error({ err: new TypeError('boom') }, 'reconcile failed: boom');
    const [head, what, where] = (lines[0] ?? '').split('\n');
    expect(head).toMatch(/ERROR reconcile failed: boom$/);
    expect(what).toBe('  TypeError: boom');
    expect(where).toMatch(/^ {2}at .*log\.test\.ts/);
  });

  test('nothing from outside acts on the terminal, wherever it is', () => {
    const { lines, log } = setUp('human');
    const evil = 'x\u001b]0;title\u0007y\r\u009b2J';
    log.error({ field: evil, err: new Error(evil) }, evil);
    expect(lines[0]).toMatch(/^[\u0020-\u007e\n]+$/);
    expect(lines[0]).toContain('x\\u001b]0;title\\u0007y');
  });

  test('nothing from outside forges an entry', () => {
    const { lines, log } = setUp('human');
    const forged = `x\n12:00:00 INFO  all is well\r\u2028\u0085`;
    log.warn({ field: forged, err: new Error(forged) }, forged);
    const starts = (lines[0] ?? '').split('\n').filter((line) => /^\S/.test(line));
    expect(starts).toEqual([expect.stringMatching(/WARN {2}x$/)]);
  });

  test('colour only when asked for', () => {
    const { lines, log } = setUp('human', { colour: true });
    log.error({}, 'boom');
    expect(lines[0]).toContain('\u001b[31mERROR');
  });
});

test('levels below the chosen one are silent', () => {
  const { lines, log } = setUp('json', { level: 'warn' });
  log.debug({}, 'no');
  log.info({}, 'no');
  log.warn({}, 'yes');
  log.error({}, 'yes');
  expect(lines).toHaveLength(2);
});

test('secrets are redacted on the way into a line', () => {
  for (const format of ['json', 'human'] as const) {
    const { lines, log } = setUp(format);
    log.info(
      { manifest: { kind: 'Secret', data: { token: 'aHVudGVyMg==' }, stringData: { t: 'hunter2' } } },
      'read',
    );
    log.info({ request: { headers: { authorization: 'Bearer hunter2' } } }, 'request');
    log.info({ env: { API_KEY: 'hunter2' } }, 'create');
    expect(lines.join('')).not.toMatch(/hunter2|aHVudGVyMg/);
  }
});

describe('redact', () => {
  test.each<[string, unknown, unknown]>([
    [
      'data of a Secret, however deep; its keys stay',
      { a: [{ kind: 'Secret', metadata: { name: 's' }, data: { k: 'v' } }] },
      { a: [{ kind: 'Secret', metadata: { name: 's' }, data: { k: '[redacted]' } }] },
    ],
    [
      'data of a ConfigMap stays',
      { kind: 'ConfigMap', data: { k: 'v' } },
      { kind: 'ConfigMap', data: { k: 'v' } },
    ],
    ['stringData wherever it is', { stringData: { k: 'v' } }, { stringData: { k: '[redacted]' } }],
    [
      'credentials of a request',
      { Authorization: 'Basic x', Cookie: 'y' },
      { Authorization: '[redacted]', Cookie: '[redacted]' },
    ],
    [
      'variables by their name, as a map',
      { env: { DB_PASSWORD: 'v', API_KEY: 'v', GITHUB_TOKEN: 'v', KEYBOARD: 'us', LOG_LEVEL: 'INFO' } },
      {
        env: {
          DB_PASSWORD: '[redacted]',
          API_KEY: '[redacted]',
          GITHUB_TOKEN: '[redacted]',
          KEYBOARD: 'us',
          LOG_LEVEL: 'INFO',
        },
      },
    ],
    [
      'variables as a manifest writes them',
      {
        env: [
          { name: 'API_KEY', value: 'v' },
          { name: 'A', value: 'v' },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's' } } },
        ],
      },
      {
        env: [
          { name: 'API_KEY', value: '[redacted]' },
          { name: 'A', value: 'v' },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 's' } } },
        ],
      },
    ],
    [
      'variables as Docker writes them',
      { env: ['API_KEY=v', 'A=v'] },
      { env: ['API_KEY=[redacted]', 'A=v'] },
    ],
    ['names of secrets are no secrets', { secretEnv: { A: 'rookery-1' } }, { secretEnv: { A: 'rookery-1' } }],
    ['keys of our own', { hmacKey: new Uint8Array(32) }, { hmacKey: '[redacted]' }],
    ['bytes are counted, not shown', { blob: new Uint8Array(3) }, { blob: '[3 bytes]' }],
    ['plain values', { n: 1, b: true, z: null, u: undefined }, { n: 1, b: true, z: null, u: undefined }],
  ])('%s', (_what, value, expected) => {
    expect(redact(value)).toEqual(expected);
  });

  test('a circle ends', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(JSON.stringify(redact(circle))).toContain('[too deep]');
  });
});

test('printable keeps tabs, newlines and every script', () => {
  expect(printable('a\tb\nä 世界 🐦')).toBe('a\tb\nä 世界 🐦');
  expect(printable('\u0000\u001b\u007f\u0085\u2028\u2066')).toBe(
    '\\u0000\\u001b\\u007f\\u0085\\u2028\\u2066',
  );
});
