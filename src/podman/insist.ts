import type { Dial, DialRequest, Reply } from './dial.ts';
import type { PodmanError } from './errors.ts';
import { isRefusal } from './refusal.ts';

/** Said where an earlier start was cut off after the runtime had made the container. This very refusal clears it away. */
const MADE_BEFORE = /container with given ID already exists|container .* already exists/;
/** It takes one more when it was made before, and some until the ports are let go. */
const MAX_STARTS = 6;
/** One collection finds them, and closes them a moment later. The ports of somebody else stay taken. */
const MAX_LETTING_GO = 3;
/** More than Podman's service lets pile up before it collects its garbage. */
const GARBAGE_BYTES = 8 * 1024 * 1024;

export interface Mending {
  /** Puts right why a start was refused; `false` when that is none of its business. */
  readonly mend: (refusal: PodmanError) => Promise<boolean>;
  /** Ends what still waits for the start that was cut off, and holds the ports; `false` when there is nothing. */
  readonly endWaiting: () => Promise<boolean>;
  /** Whether somebody has ports that the container publishes, though it does not run. */
  readonly isOutOfPorts: () => Promise<boolean>;
}

/** Starts a container again whose start was cut off, as often as something was put right. */
export async function insistOnStart(
  dial: Dial,
  request: DialRequest,
  { mend, endWaiting, isOutOfPorts }: Mending,
): Promise<Reply<unknown>> {
  let wasMadeBefore = false;
  const mended = async (refusal: PodmanError): Promise<boolean> => {
    if (wasMadeBefore && refusal.kind === 'PortInUse') return letGoOfPorts(dial);
    wasMadeBefore =
      MADE_BEFORE.test(refusal.message) || (refusal.kind === 'PortInUse' && (await endWaiting()));
    return wasMadeBefore || mend(refusal);
  };
  for (let starts = 1; ; starts += 1) {
    const outcome = await dial.call(request).catch((error: unknown) => {
      if (isRefusal(error)) return error;
      throw error;
    });
    if (!(outcome instanceof Error)) return outcome;
    if (starts < MAX_STARTS && (await mended(outcome))) continue;
    for (let tries = 0; tries < MAX_LETTING_GO && (await isOutOfPorts()); tries += 1)
      await letGoOfPorts(dial);
    throw outcome;
  }
}

/**
 * Podman listens on the ports of a container that root is about to start, and when the runtime refuses it forgets to close
 * them: its garbage collector does, up to two minutes later, and so long nobody can have them, the revision to go back to least
 * of all. So it is given some garbage, with a call that asks for nothing.
 */
async function letGoOfPorts(dial: Dial): Promise<true> {
  const body = { padding: ' '.repeat(GARBAGE_BYTES) };
  const what = 'disconnect nothing';
  await dial.call({ method: 'POST', path: '/networks/none/disconnect', body, what }).catch(() => undefined);
  return true;
}
