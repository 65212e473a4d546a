import { Cron } from 'croner';
import { durationMs } from '../api/duration.ts';
import type { SyncWindow } from '../api/sync-window.ts';

/** When new manifests are applied, or are not: from each time that the schedule names, for so long. */
export interface SyncWindowRule {
  readonly type: 'allow' | 'deny';
  /** As it was written. */
  readonly text: string;
  readonly schedule: Cron;
  readonly durationMs: number;
}

const FORM = /^(allow|deny) (.+) for (\S+) in (\S+)$/;
const EXAMPLE = '"allow 0 22 * * 1-5 for 8h in Europe/Berlin"';
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const LONGEST_DAYS = 31;
const HORIZON_MS = 366 * DAY_MS;
/** Of the edges that are looked at to find the next change: what takes more has none that matters. */
const MAX_EDGES = 200;
/** How long an answer without an end is good for. */
const LOOK_AGAIN_MS = 60_000;

/** @throws Error with words for a person. */
export function parseSyncWindow(text: string): SyncWindowRule {
  const [, type, pattern = '', length = '', timezone = ''] =
    FORM.exec(text.trim().replaceAll(/\s+/g, ' ')) ?? [];
  if (type !== 'allow' && type !== 'deny')
    throw new Error(
      `must be allow or deny, five cron fields, a duration and a time zone, such as ${EXAMPLE}`,
    );
  return { type, text, schedule: scheduleOf(pattern, timezone), durationMs: lengthOf(length) };
}

function scheduleOf(pattern: string, timezone: string): Cron {
  requireTimeZone(timezone);
  if (pattern.split(' ').length !== 5)
    throw new Error(`"${pattern}" must be the five fields of crontab(5), such as ${EXAMPLE}`);
  const schedule = readPattern(pattern, timezone);
  if (!schedule.nextRun()) throw new Error(`"${pattern}" names a time that never comes`);
  return schedule;
}

function requireTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new Error(`"${timeZone}" is no time zone that is known here, such as Europe/Berlin or UTC`);
  }
}

function readPattern(pattern: string, timezone: string): Cron {
  try {
    return new Cron(pattern, { mode: '5-part', timezone, paused: true });
  } catch (error) {
    throw new Error((error as Error).message.replace(/^CronPattern: /, ''), { cause: error });
  }
}

function lengthOf(text: string): number {
  const length = durationMs(text);
  if (length === undefined || length < MINUTE_MS || length > LONGEST_DAYS * DAY_MS)
    throw new Error(`"${text}" must be a duration from 1m to ${LONGEST_DAYS}d, such as 8h`);
  return length;
}

/** Asked often, and looked up anew only when the answer may be another one. */
export function createSyncWindows(rules: readonly SyncWindowRule[]): (nowMs: number) => SyncWindow {
  let known: { readonly window: SyncWindow; readonly fromMs: number } | undefined;
  return (nowMs) => {
    const untilMs = known && (known.window.untilMs ?? known.fromMs + LOOK_AGAIN_MS);
    if (known && untilMs !== undefined && known.fromMs <= nowMs && nowMs < untilMs) return known.window;
    known = { window: syncWindowAt(rules, nowMs), fromMs: nowMs };
    return known.window;
  };
}

/**
 * Deny beats allow; where nothing is allowed by a window, everything is that none denies. A window lasts its time as a
 * stopwatch tells it: over a change of the clocks it ends an hour earlier or later by the wall.
 */
export function syncWindowAt(rules: readonly SyncWindowRule[], nowMs: number): SyncWindow {
  const { open, message } = judge(rules, nowMs);
  const untilMs = nextChange(rules, nowMs, open);
  const until = untilMs === undefined ? {} : { untilMs };
  if (open) return { open, ...until };
  const end = untilMs === undefined ? '' : `, until ${new Date(untilMs).toISOString()}`;
  return { open, message: `${message}${end}`, ...until };
}

interface Judgement {
  readonly open: boolean;
  readonly message: string;
}

function judge(rules: readonly SyncWindowRule[], atMs: number): Judgement {
  const active = rules.filter((rule) => activeUntil(rule, atMs) !== undefined);
  const denied = active.find(({ type }) => type === 'deny');
  if (denied) return { open: false, message: `within the sync window "${denied.text}"` };
  const allows = rules.filter(({ type }) => type === 'allow');
  const open = allows.length === 0 || active.length > 0;
  return { open, message: `outside of the sync window ${allows.map(({ text }) => `"${text}"`).join(', ')}` };
}

/** The end of the earliest start that still lasts. */
function activeUntil({ schedule, durationMs: lengthMs }: SyncWindowRule, atMs: number): number | undefined {
  const startMs = after(schedule, atMs - lengthMs);
  return startMs !== undefined && startMs <= atMs ? startMs + lengthMs : undefined;
}

const after = (schedule: Cron, ms: number): number | undefined => schedule.nextRun(new Date(ms))?.getTime();

function nextChange(rules: readonly SyncWindowRule[], nowMs: number, open: boolean): number | undefined {
  let atMs = nowMs;
  for (let edges = 0; edges < MAX_EDGES; edges += 1) {
    const next = rules
      .flatMap((rule) => [activeUntil(rule, atMs), after(rule.schedule, atMs)])
      .filter((ms) => ms !== undefined);
    if (next.length === 0) return undefined;
    atMs = Math.min(...next);
    if (atMs - nowMs > HORIZON_MS) return undefined;
    if (judge(rules, atMs).open !== open) return atMs;
  }
  return undefined;
}
