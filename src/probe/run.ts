import type { Probe } from '../api/probe.ts';
import { checkExec, type ExecInContainer } from './exec.ts';
import { checkGrpc } from './grpc.ts';
import { checkHttp } from './http.ts';
import { failure, outcomeOfError, unknown } from './outcome.ts';
import type { CheckContext, OpenRoute, ProbeClock, ProbeOutcome, ProbeTarget, RunProbe } from './probe.ts';
import { LOOPBACK } from './route.ts';
import { checkTcp } from './tcp.ts';
import { checkZmq } from './zmq.ts';

export interface RunProbeOptions {
  readonly clock: ProbeClock;
  readonly open: OpenRoute;
  readonly exec: ExecInContainer;
}

/** After its timeout a check may still say why it waited (nothing listens there), but not for longer than this. */
const LAST_WORD_MS = 150;

export const createRunProbe =
  ({ clock, open, exec }: RunProbeOptions): RunProbe =>
  async (probe, target, signal) => {
    const deadline = startDeadline(clock, probe.timeoutSeconds * 1000, signal);
    try {
      const context = { target, open, signal: deadline.signal };
      return await Promise.race([check(probe, context, exec), deadline.passed]);
    } catch (error) {
      if (signal.aborted) return unknown('the probe was cancelled');
      if (deadline.signal.aborted) return failure(timedOut(probe, target));
      return outcomeOfError(describe(probe, target), error);
    } finally {
      deadline.end();
    }
  };

async function check(probe: Probe, context: CheckContext, exec: ExecInContainer): Promise<ProbeOutcome> {
  if (probe.httpGet !== undefined) return checkHttp(probe.httpGet, context);
  if (probe.tcpSocket !== undefined) return checkTcp(probe.tcpSocket, context);
  if (probe.exec !== undefined) return checkExec(probe.exec, context, exec);
  if (probe.grpc !== undefined) return checkGrpc(probe.grpc, context);
  if (probe.zmq !== undefined) return checkZmq(probe.zmq, context);
  return unknown('the probe has none of httpGet, tcpSocket, exec, grpc and zmq');
}

const timedOut = (probe: Probe, target: ProbeTarget): string =>
  `${describe(probe, target)}: no answer within ${probe.timeoutSeconds} s`;

function describe({ httpGet, tcpSocket, exec, grpc, zmq }: Probe, target: ProbeTarget): string {
  if (exec !== undefined) return `exec ${exec.command[0]}`;
  const port = (httpGet ?? tcpSocket ?? grpc ?? zmq)?.port;
  const name = httpGet ? 'http' : tcpSocket ? 'tcp' : grpc ? 'grpc' : 'zmq';
  return `${name} ${httpGet?.host ?? target.ip ?? LOOPBACK}:${port}`;
}

interface Deadline {
  /** Aborts at the timeout, and with the outer signal. */
  readonly signal: AbortSignal;
  /** Never resolves; rejects when nobody may wait any longer. */
  readonly passed: Promise<never>;
  end(): void;
}

/** By hand, because composed and timed `AbortSignal`s outlive their probe, and probes run for months. */
function startDeadline(clock: ProbeClock, timeoutMs: number, outer: AbortSignal): Deadline {
  const controller = new AbortController();
  let stopWaiting = (): void => undefined;
  const passed = new Promise<never>((_, reject) => {
    stopWaiting = () => reject(TIME_IS_UP);
  });
  const cancel = (): void => {
    controller.abort(TIME_IS_UP);
    stopWaiting();
  };
  let cancelTimer = clock.setTimer(timeoutMs, () => {
    controller.abort(TIME_IS_UP);
    cancelTimer = clock.setTimer(LAST_WORD_MS, stopWaiting);
  });
  outer.addEventListener('abort', cancel, { once: true });
  if (outer.aborted) cancel();
  const end = (): void => {
    cancelTimer();
    outer.removeEventListener('abort', cancel);
  };
  return { signal: controller.signal, passed, end };
}

const TIME_IS_UP = new Error('the time of the probe is up');
