import { run } from './host.ts';
import type { Rookery } from './rookery.ts';

export interface NoopResult {
  /** Wall seconds of `node -e 0`, and of `apply` on a converged world. */
  readonly nodeSeconds: readonly number[];
  readonly aloneSeconds: readonly number[];
  readonly servedSeconds: readonly number[];
}

/** `apply` with nothing to do: being the controller itself for a moment, and asking one that runs. */
export async function noop(rookery: Rookery, rounds: number): Promise<NoopResult> {
  const nodeSeconds: number[] = [];
  const node = async (): Promise<void> => {
    nodeSeconds.push((await run(process.execPath, ['-e', '0'])).tookMs / 1000);
  };
  const measure = async (): Promise<number[]> => {
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await node();
      seconds.push((await rookery.apply()).tookMs / 1000);
    }
    return seconds;
  };
  const aloneSeconds = await measure();
  const controller = await rookery.run();
  const servedSeconds = await measure();
  await controller.stop();
  return { nodeSeconds, aloneSeconds, servedSeconds };
}
