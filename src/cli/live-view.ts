import type { AgentStatus, ApiObject, EventObject } from '../api/status.ts';
import { humanDuration } from './duration.ts';
import { agentPhaseColour, type Paint } from './paint.ts';
import { formatRow, oneLine, widthsOf } from './table.ts';
import { pad, truncate } from './width.ts';

export interface LiveState {
  readonly agents: readonly ApiObject[];
  readonly healthy: number;
  readonly total: number;
  /** What stands in the way of everything: manifest problems, a blocked prune. */
  readonly problems: readonly string[];
  readonly events: readonly EventObject[];
  /** The newest lines of the log that a person should see. */
  readonly warnings: readonly string[];
  readonly elapsedMs: number;
  readonly settled: boolean;
}

export interface Frame {
  readonly columns: number;
  readonly rows: number;
  readonly paint: Paint;
}

const HEADERS = ['NAME', 'LAYER', 'PHASE', 'READY', 'RESTARTS', 'REVISION', 'MESSAGE'];
const PHASE_COLUMN = 2;
const MOST_EVENTS = 5;
const MOST_NOTES = 3;

/** The whole picture, never larger than the terminal: agents first, then what stands in the way, then what happened. */
export function renderLive(state: LiveState, frame: Frame): string[] {
  const rows = Math.max(1, frame.rows - 1);
  const head = [headline(state, frame)];
  const notes = [...state.problems, ...state.warnings]
    .slice(-MOST_NOTES)
    .map((note) => warningLine(note, frame));
  const events = state.events.slice(-MOST_EVENTS).map((event) => eventLine(event, frame));
  const room = rows - head.length - notes.length;
  const table = tableLines(state.agents, Math.max(2, room), frame);
  const left = room - table.length - 1;
  const tail = left > 0 ? events.slice(-left) : [];
  return [...head, ...table, ...notes, ...(tail.length > 0 ? ['', ...tail] : [])].slice(0, rows);
}

function headline({ healthy, total, elapsedMs, settled }: LiveState, { paint, columns }: Frame): string {
  const count = `${healthy}/${total} healthy`;
  const time = humanDuration(elapsedMs);
  const text = truncate(
    `${count}  ${settled ? `after ${time}; watching, Ctrl-C ends (the agents stay)` : time}`,
    columns,
  );
  return paint(healthy === total && total > 0 ? 'green' : 'bold', text);
}

function tableLines(agents: readonly ApiObject[], room: number, frame: Frame): string[] {
  if (agents.length === 0) return [frame.paint('dim', truncate('no agents yet', frame.columns))];
  const sorted = [...agents].sort(compareAgents);
  const shown = sorted.length <= room - 1 ? sorted : mostTelling(sorted, room - 2);
  const several = new Set(agents.map(({ metadata }) => metadata.namespace)).size > 1;
  const rows = shown.map((agent) => cellsOf(agent, several ? fullName(agent) : agent.metadata.name));
  const widths = widthsOf([HEADERS, ...rows]);
  const lines = rows.map((row) => tableLine(row, widths, frame));
  const hidden = sorted.length - shown.length;
  return [
    frame.paint('bold', truncate(formatRow(HEADERS, widths), frame.columns)),
    ...lines,
    ...(hidden > 0 ? [frame.paint('dim', truncate(`… and ${hidden} more`, frame.columns))] : []),
  ];
}

/** Where not all have room, those that are not healthy go first. */
function mostTelling(sorted: readonly ApiObject[], room: number): ApiObject[] {
  const unhealthy = sorted.filter((agent) => !isFine(agent));
  const chosen = new Set([...unhealthy, ...sorted.filter(isFine)].slice(0, Math.max(0, room)));
  return sorted.filter((agent) => chosen.has(agent));
}

const isFine = (agent: ApiObject): boolean =>
  statusOf(agent)?.ready === true && statusOf(agent)?.phase === 'Healthy';

const compareAgents = (left: ApiObject, right: ApiObject): number =>
  layerOf(left) - layerOf(right) || compare(fullName(left), fullName(right));

const compare = (left: string, right: string): number => (left < right ? -1 : Number(left > right));

const fullName = ({ metadata }: ApiObject): string => `${metadata.namespace}/${metadata.name}`;
const layerOf = ({ spec }: ApiObject): number => (spec as { layer?: number } | undefined)?.layer ?? 9;
const statusOf = ({ status }: ApiObject): AgentStatus | undefined => status as AgentStatus | undefined;

function cellsOf(agent: ApiObject, name: string): string[] {
  const status = statusOf(agent);
  const layer = layerOf(agent);
  return [
    name,
    layer === 9 ? '' : String(layer),
    status?.phase ?? 'Pending',
    status?.ready ? 'yes' : 'no',
    String(status?.restarts ?? 0),
    status?.currentRevision ?? '-',
    status?.message ?? '',
  ];
}

function tableLine(row: readonly string[], widths: readonly number[], { columns, paint }: Frame): string {
  const line = truncate(formatRow(row, widths), columns);
  const phase = row[PHASE_COLUMN] ?? '';
  const start = pad(
    '',
    widths.slice(0, PHASE_COLUMN).reduce((sum, width) => sum + width + 3, 0),
  ).length;
  const end = start + phase.length;
  if (end > line.length) return line;
  return line.slice(0, start) + paint(agentPhaseColour(phase), line.slice(start, end)) + line.slice(end);
}

const warningLine = (text: string, { columns, paint }: Frame): string =>
  paint('yellow', truncate(oneLine(`! ${text}`), columns));

export const eventText = ({ lastTimestamp, involvedObject, reason, message, count }: EventObject): string => {
  const { kind, namespace, name } = involvedObject;
  const times = count > 1 ? ` (${count} times)` : '';
  return oneLine(`${clockTime(lastTimestamp)} ${kind}/${namespace}/${name} ${reason}: ${message}${times}`);
};

/** The local time of day. */
const clockTime = (timestamp: string): string => new Date(timestamp).toTimeString().slice(0, 8);

const eventLine = (event: EventObject, { columns, paint }: Frame): string =>
  paint(event.type === 'Warning' ? 'yellow' : 'dim', truncate(eventText(event), columns));
