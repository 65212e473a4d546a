const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;

export type Colour = keyof typeof CODES | 'plain';
export type Paint = (colour: Colour, text: string) => string;

export const createPaint =
  (enabled: boolean): Paint =>
  (colour, text) =>
    enabled && colour !== 'plain' && text !== '' ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;

const COLOUR_BY_PHASE: Readonly<Record<string, Colour>> = {
  Healthy: 'green',
  Ready: 'green',
  Completed: 'green',
  Monitoring: 'green',
  Blocked: 'dim',
  Pending: 'dim',
  Suspended: 'dim',
  Degraded: 'red',
  Failing: 'red',
  Failed: 'red',
  Stalled: 'red',
  RolledBack: 'magenta',
  RollingBack: 'magenta',
  Paused: 'magenta',
};

/** Green serves, yellow is on its way, red and magenta need a look, dim waits for others. */
export const agentPhaseColour = (phase: string): Colour => COLOUR_BY_PHASE[phase] ?? 'yellow';
