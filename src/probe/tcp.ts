import type { Probe } from '../api/probe.ts';
import { success } from './outcome.ts';
import type { CheckContext, ProbeOutcome } from './probe.ts';
import { dial, portOf } from './route.ts';

/** Success as soon as the port accepts a connection; nothing is sent. */
export async function checkTcp(
  check: NonNullable<Probe['tcpSocket']>,
  { target, open, signal }: CheckContext,
): Promise<ProbeOutcome> {
  const route = await open(target, portOf(target, check.port), signal);
  try {
    const socket = await dial(route, signal);
    socket.destroy();
    return success(`${route.where} accepts connections`);
  } finally {
    route.close();
  }
}
