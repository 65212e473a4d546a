import { printable } from '../../terminal.ts';
import type { Action } from '../action.ts';
import { structured } from '../structured.ts';
import { formatTable } from '../table.ts';

const EXIT_CODES = { OK: 0, WARN: 1, FAIL: 2 } as const;

/** The worst finding is the exit code. */
export const doctor: Action = async ({ terminal, services, config }, { options }) => {
  const findings = await services.examine(config);
  if (options['output'] === 'json') terminal.out(await structured({ findings }, 'json'));
  else {
    const rows = findings.map(({ check, level, message }) => [level, check, message]);
    terminal.out(formatTable([['LEVEL', 'CHECK', 'FOUND'], ...rows]));
    for (const finding of findings)
      if (finding.level !== 'OK') terminal.out(`\n${finding.check}: ${printable(finding.fix)}\n`);
  }
  return Math.max(0, ...findings.map(({ level }) => EXIT_CODES[level]));
};
