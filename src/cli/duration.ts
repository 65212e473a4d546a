import { durationMs as parse } from '../api/duration.ts';
import { CliError } from './errors.ts';

/** `90`, `90s`, `5m`, `1h30m` or `2d` in milliseconds. Throws `CliError`. */
export function parseDurationMs(text: string, option: string): number {
  const parsed = parse(text);
  if (parsed === undefined)
    throw new CliError(`${option} "${text}": must be a duration such as 90s, 5m or 1h30m`);
  return parsed;
}

/** As kubectl says ages: two units while they tell something, one when they do not. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (whole: string, rest: number, unit: string): string =>
    rest > 0 ? `${whole}${rest}${unit}` : whole;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(`${minutes}m`, seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return two(`${hours}h`, minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return days < 8 ? two(`${days}d`, hours % 24, 'h') : `${days}d`;
}

export const ageOf = (timestamp: string | undefined, nowMs: number): string => {
  const atMs = Date.parse(timestamp ?? '');
  return Number.isNaN(atMs) ? '<unknown>' : humanDuration(nowMs - atMs);
};
