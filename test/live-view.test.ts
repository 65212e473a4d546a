import { describe, expect, test } from 'vitest';
import { type LiveState, renderLive } from '../src/cli/live-view.ts';
import { createPaint } from '../src/cli/paint.ts';
import { displayWidth } from '../src/cli/width.ts';
import { apiAgent, apiEvent } from './fakes/api-objects.ts';

const plain = createPaint(false);
const frame = { columns: 100, rows: 24, paint: plain };
const at = (time: string): string => new Date(`2026-03-01T${time}`).toISOString();

const twin = apiAgent('system-digital-twin', { spec: { layer: 0 } });
const coordinator = apiAgent('coordinator', {
  status: {
    phase: 'Starting',
    ready: false,
    restarts: 2,
    message: 'starting revision 3f9c21ab: env LOG_LEVEL changed',
  },
});
const waiting = apiAgent('got-tot', {
  spec: { layer: 2 },
  status: { phase: 'Blocked', ready: false, message: 'waits' },
});
const { currentRevision: _unknown, ...neverRun } = waiting.status;
const blocked = { ...waiting, status: neverRun };

const state: LiveState = {
  agents: [blocked, coordinator, twin],
  healthy: 1,
  total: 3,
  problems: [],
  events: [
    apiEvent('system-digital-twin', { lastTimestamp: at('14:03:05') }),
    apiEvent('coordinator', {
      reason: 'Starting',
      message: 'starting',
      count: 2,
      lastTimestamp: at('14:03:07'),
    }),
  ],
  warnings: [],
  elapsedMs: 12_345,
  settled: false,
};

describe('the live table', () => {
  test('shows agents by layer and name, then what happened', () => {
    expect(renderLive(state, frame)).toEqual([
      '1/3 healthy  12s',
      'NAME                  LAYER   PHASE      READY   RESTARTS   REVISION   MESSAGE',
      'system-digital-twin   0       Healthy    yes     0          3f9c21ab',
      'coordinator           1       Starting   no      2          3f9c21ab   starting revision 3f9c21ab: …',
      'got-tot               2       Blocked    no      0          -          waits',
      '',
      '14:03:05 Agent/ai-system/system-digital-twin Healthy: serves',
      '14:03:07 Agent/ai-system/coordinator Starting: starting (2 times)',
    ]);
  });

  test('says when all is well, and that a Ctrl-C takes nothing away', () => {
    const [head] = renderLive({ ...state, healthy: 3, settled: true }, frame);
    expect(head).toBe('3/3 healthy  after 12s; watching, Ctrl-C ends (the agents stay)');
  });

  test('keeps warnings and problems in sight', () => {
    const lines = renderLive(
      { ...state, problems: ['a.yaml:1:1: unknown field'], warnings: ['14:03:01 WARN  disk full'] },
      frame,
    );
    expect(lines.slice(5, 8)).toEqual(['! a.yaml:1:1: unknown field', '! 14:03:01 WARN  disk full', '']);
  });

  test('shows the unhealthy where there is no room for all', () => {
    const agents = [
      ...Array.from({ length: 20 }, (_, index) => apiAgent(`fine-${index}`)),
      coordinator,
      blocked,
    ];
    expect(renderLive({ ...state, agents }, { ...frame, rows: 7 })).toEqual([
      '1/3 healthy  12s',
      'NAME          LAYER   PHASE      READY   RESTARTS   REVISION   MESSAGE',
      'coordinator   1       Starting   no      2          3f9c21ab   starting revision 3f9c21ab: env LOG_…',
      'fine-0        1       Healthy    yes     0          3f9c21ab',
      'got-tot       2       Blocked    no      0          -          waits',
      '… and 19 more',
    ]);
  });

  test.each([1, 2, 3, 5, 8, 24])('is never higher than a terminal of %d rows', (rows) => {
    expect(renderLive({ ...state, warnings: ['one', 'two'] }, { ...frame, rows }).length).toBeLessThan(
      Math.max(2, rows),
    );
  });

  test.each([0, 1, 5, 20, 33, 80])('is never wider than %d columns', (columns) => {
    const wide = { ...state, warnings: ['漢字'.repeat(60)], problems: ['x'.repeat(200)] };
    for (const line of renderLive(wide, { ...frame, columns }))
      expect(displayWidth(line)).toBeLessThanOrEqual(columns);
  });

  test('colours a phase without changing a width', () => {
    const lines = renderLive(state, { ...frame, paint: createPaint(true) });
    expect(lines[2]).toBe(
      'system-digital-twin   0       \u001b[32mHealthy\u001b[0m    yes     0          3f9c21ab',
    );
    expect(lines[0]).toBe('\u001b[1m1/3 healthy  12s\u001b[0m');
  });

  test('lets nothing that agents say act on the terminal', () => {
    const evil = apiAgent('coordinator', { status: { message: '\u001b[2J\u202egone\nsecond' } });
    const lines = renderLive(
      { ...state, agents: [evil], events: [apiEvent('x', { message: '\u0007' })] },
      frame,
    );
    for (const unsafe of ['\u0007', '\u001b', '\u202e']) expect(lines.join('\n')).not.toContain(unsafe);
    expect(lines[2]).toContain('\\u001b[2J\\u202egone second');
  });

  test('tells agents of several namespaces apart', () => {
    const other = apiAgent('coordinator', { namespace: 'default' });
    const names = renderLive({ ...state, agents: [coordinator, other] }, frame).slice(2, 4);
    expect(names.map((line) => line.split(' ')[0])).toEqual(['ai-system/coordinator', 'default/coordinator']);
  });

  test('waits for the first agent', () => {
    expect(renderLive({ ...state, agents: [], events: [], healthy: 0, total: 0 }, frame)).toEqual([
      '0/0 healthy  12s',
      'no agents yet',
    ]);
  });
});
