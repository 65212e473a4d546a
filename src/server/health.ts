import type { ServerResponse } from 'node:http';
import type { Backend } from './backend.ts';
import { sendText } from './respond.ts';

type Check = ReturnType<Backend['readiness']>[number];

/** Kubernetes' form: `ok`, or with `?verbose` and on failure one line a check. */
export function answerReadiness(
  checks: readonly Check[],
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const isReady = checks.every(({ ok }) => ok);
  const verdict = `readyz check ${isReady ? 'passed' : 'failed'}\n`;
  const isShort = isReady && !query.has('verbose');
  sendText(response, isShort ? 'ok' : checks.map(lineOf).join('') + verdict, isReady ? 200 : 503);
}

function lineOf({ check, ok, message }: Check): string {
  const verdict = ok ? 'ok' : 'failed';
  return `[${ok ? '+' : '-'}]${check} ${verdict}${message === '' ? '' : `: ${message}`}\n`;
}
