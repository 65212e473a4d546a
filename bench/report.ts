import type { ConvergeResult } from './converge.ts';
import type { CrashLoopResult } from './crashloops.ts';
import type { IdleResult, IdleSample } from './idle.ts';
import type { NoopResult } from './noop.ts';
import type { Strategy, UpdateResult } from './update.ts';

export interface Results {
  readonly agents: number;
  readonly rounds: number;
  readonly podman: string;
  readonly node: string;
  readonly cores: number;
  /** Of the last minute, at the begin and at the end: what else the machine had to do. */
  readonly load: readonly [number, number];
  readonly converge?: ConvergeResult;
  readonly noop?: NoopResult;
  readonly deathSeconds?: readonly number[];
  readonly idle?: IdleResult;
  readonly updates?: Partial<Readonly<Record<Strategy, UpdateResult>>>;
  readonly crashLoops?: CrashLoopResult;
}

/** One line of the table; a goal is met at or below it. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: number;
  readonly note: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function figures(results: Results): Figure[] {
  const { converge, noop, deathSeconds, idle, updates = {}, crashLoops, agents } = results;
  return [
    ...(converge ? convergeFigures(converge, agents) : []),
    ...(noop ? noopFigures(noop) : []),
    ...(deathSeconds ? [deathFigure(deathSeconds)] : []),
    ...(idle ? idleFigures(idle) : []),
    ...Object.entries(updates).flatMap(([strategy, result]) => updateFigures(strategy, result)),
    ...(crashLoops ? crashLoopFigures(crashLoops, agents) : []),
  ];
}

/** Ratios within a round, so that a busy minute weighs on both sides of each. */
function convergeFigures({ seconds, absent, calls }: ConvergeResult, agents: number): Figure[] {
  const ours = seconds['rookery'] ?? [];
  const against = Object.entries(seconds).filter(([name]) => name !== 'rookery');
  const perAgent = Object.values(calls).reduce((sum, count) => sum + count, 0) / agents;
  return [
    ...against.map(([name, theirs]) => ({
      what: `${agents} agents: rookery / ${name}`,
      value: median(ours.map((mine, round) => mine / (theirs[round] ?? Number.NaN))),
      unit: '×',
      goal: name === 'direct' ? 1.15 : 1,
      note: `${median(ours).toFixed(2)} s / ${median(theirs).toFixed(2)} s`,
    })),
    ...absent.map((name) => ({
      what: `${agents} agents: rookery / ${name}`,
      value: Number.NaN,
      unit: '×',
      note: `${name} is not installed`,
    })),
    { what: 'Podman API calls an agent', value: perAgent, unit: '', note: 'in one convergence' },
  ];
}

function noopFigures({ nodeSeconds, aloneSeconds, servedSeconds }: NoopResult): Figure[] {
  const figure = (what: string, seconds: readonly number[]): Figure => ({
    what,
    value: median(seconds) - median(nodeSeconds),
    unit: 's',
    goal: 0.3,
    note: `${median(seconds).toFixed(3)} s, of which node's own start ${median(nodeSeconds).toFixed(3)} s`,
  });
  return [
    figure('apply, nothing to do, no controller', aloneSeconds),
    figure('apply, nothing to do, asks the controller', servedSeconds),
  ];
}

function deathFigure(seconds: readonly number[]): Figure {
  const sorted = [...seconds].sort((left, right) => left - right);
  const p90 = sorted[Math.floor(sorted.length * 0.9)] ?? Number.NaN;
  const note = `${sorted.length} kills, best ${sorted[0]?.toFixed(2)} s, p90 ${p90.toFixed(2)} s`;
  return { what: 'kill -9 → running again', value: median(seconds), unit: 's', goal: 0.6, note };
}

const PROBING = { none: 'without probes', tcp: 'a tcp probe each, every 10 s' };

function idleFigures({ alone, ...watched }: IdleResult): Figure[] {
  const added = (sample: IdleSample): number =>
    sample.controllerPercent + Math.max(0, sample.servicePercent - alone.servicePercent);
  return Object.entries(PROBING).flatMap(([probing, text]) => {
    const sample = watched[probing as keyof typeof PROBING];
    const parts = `controller ${sample.controllerPercent.toFixed(2)} %, Podman's service ${sample.servicePercent.toFixed(2)} % (${alone.servicePercent.toFixed(2)} % without us)`;
    return [
      { what: `idle CPU, ${text}`, value: added(sample), unit: '%', goal: 0.5, note: parts },
      { what: `memory (PSS), ${text}`, value: sample.pssMb, unit: 'MB', goal: 90, note: '' },
    ];
  });
}

/** Recreate promises no answers while it swaps one for the other. */
function updateFigures(strategy: string, result: UpdateResult): Figure[] {
  const { healthySeconds, rolledBackSeconds, requests, failed } = result;
  const all = (seconds: readonly number[]): string => seconds.map((one) => one.toFixed(2)).join(', ');
  return [
    {
      what: `${strategy}: file saved → new revision healthy`,
      value: median(healthySeconds),
      unit: 's',
      note: `${all(healthySeconds)}; a readiness probe every second, no soak`,
    },
    {
      what: `${strategy}: failure seen → rolled back`,
      value: median(rolledBackSeconds),
      unit: 's',
      goal: 2,
      note: `${all(rolledBackSeconds)}; the probe's threshold not counted`,
    },
    {
      what: `${strategy}: requests failed`,
      value: failed,
      unit: '',
      ...(strategy !== 'Recreate' && { goal: 0 }),
      note: `of ${requests}, one every 20 ms, a good and a bad update ${healthySeconds.length} times`,
    },
  ];
}

/** Ratios within a round here too; of an update, of the medians of a round's samples. */
function crashLoopFigures({ loopers, converge, update }: CrashLoopResult, agents: number): Figure[] {
  const rounds = converge.alone.length;
  const byRound = (seconds: readonly number[]): number[] => {
    const each = seconds.length / rounds;
    return converge.alone.map((_, round) => median(seconds.slice(round * each, (round + 1) * each)));
  };
  const figure = (what: string, { alone, beside }: CrashLoopResult['converge']): Figure => {
    const without = byRound(alone);
    return {
      what: `${what}: beside ${loopers} crash loops / without`,
      value: median(byRound(beside).map((seconds, round) => seconds / (without[round] ?? Number.NaN))),
      unit: '×',
      goal: 1.1,
      note: `${median(beside).toFixed(2)} s / ${median(alone).toFixed(2)} s`,
    };
  };
  return [figure(`${agents} agents converge`, converge), figure('one agent is updated', update)];
}

const verdictOf = ({ value, goal }: Figure): string =>
  goal === undefined || Number.isNaN(value) ? '' : value <= goal ? 'met' : 'MISSED';

export function formatTable(results: Results): string {
  const rows = figures(results).map((figure) => [
    figure.what,
    Number.isNaN(figure.value) ? '–' : `${figure.value.toFixed(2)} ${figure.unit}`.trim(),
    figure.goal === undefined ? '' : `≤ ${figure.goal} ${figure.unit}`,
    verdictOf(figure),
    figure.note,
  ]);
  const head = ['figure', 'measured', 'goal', 'verdict', 'how'];
  const rule = head.map(() => '---');
  return [head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export const setting = ({ agents, rounds, podman, node, cores, load }: Results): string =>
  `${agents} agents, ${rounds} rounds, Podman ${podman}, Node.js ${node}, ${cores} cores, load ${load.map((one) => one.toFixed(1)).join(' → ')}`;
