import { isObject } from './one-of.ts';

type Spec = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** A field that asks for several containers of an agent at the same time. */
export interface SideBySide {
  readonly path: Path;
  /** As a person reads it: `strategy BlueGreen`. */
  readonly text: string;
}

/** Whatever of the spec asks for that; it may be wrong in parts, so nothing is taken for granted. */
export function sideBySide(spec: Spec): SideBySide[] {
  const { replicas } = spec;
  const strategy = isObject(spec['rollout']) ? spec['rollout']['strategy'] : undefined;
  return [
    ...(strategy === 'BlueGreen' || strategy === 'Canary'
      ? [{ path: ['rollout', 'strategy'], text: `strategy ${strategy}` }]
      : []),
    ...(typeof replicas === 'number' && replicas > 1
      ? [{ path: ['replicas'], text: `replicas ${replicas}` }]
      : []),
  ];
}

type Report = (path: Path, message: string) => void;

/** Where there is but one of something, there cannot be two containers that have it. */
export function checkSideBySide(spec: Spec, report: Report): void {
  const inTheWay = oneOfAKind(spec);
  if (inTheWay !== undefined) {
    for (const { path, text } of sideBySide(spec))
      report(path, `${text} needs several containers side by side, which ${inTheWay}`);
  }
  checkCanary(spec, report);
}

const ALTERNATIVE = 'use strategy Recreate and one replica';

function oneOfAKind({ hostNetwork, podGroup }: Spec): string | undefined {
  if (typeof podGroup === 'string')
    return `a member of a PodGroup cannot be: they share one network; ${ALTERNATIVE}, or leave podGroup out`;
  return hostNetwork === true
    ? `hostNetwork rules out: they would want the same ports of the host; ${ALTERNATIVE}, or leave hostNetwork out`
    : undefined;
}

function checkCanary({ rollout, replicas, restartPolicy }: Spec, report: Report): void {
  if (!isObject(rollout) || rollout['strategy'] !== 'Canary') return;
  const canaries = isObject(rollout['canary']) ? rollout['canary']['replicas'] : 1;
  if (typeof canaries === 'number' && typeof replicas === 'number' && replicas > 0 && canaries >= replicas) {
    const advice = 'make replicas larger, or use strategy BlueGreen';
    report(
      ['rollout', 'strategy'],
      `Canary tries ${canaries} of ${replicas} replicas, which leaves none of the old; ${advice}`,
    );
  }
  if (restartPolicy === 'OnFailure' || restartPolicy === 'Never')
    report(['rollout', 'strategy'], 'Canary watches what serves, and a job ends; use strategy Recreate');
}
