import type { AgentAim, ContainerAim } from '../../src/plan/aim.ts';
import { A, B, BESIDE_A, BESIDE_B } from './agent-views.ts';

const LETTERS = new Map([
  [A.id, 'A'],
  [BESIDE_A.id, 'A'],
  [B.id, 'B'],
  [BESIDE_B.id, 'B'],
]);
export const letterOf = (id: string): string => LETTERS.get(id) ?? id;
const inLetters = (text: string): string =>
  [...LETTERS].reduce((said, [id, letter]) => said.replaceAll(id, letter), text);

const one = (aim: ContainerAim): string =>
  [
    `${letterOf(aim.revision.id)}${aim.attempt}-${aim.ordinal} ${aim.want} ${aim.graceSeconds} s (${aim.cause})`,
    aim.captureLogs ? ' with its last words' : '',
    aim.correctDrift ? ' put right' : '',
  ].join('');

const others = (aim: AgentAim['others']): string =>
  aim === 'Leave' ? 'others stay' : `others go in ${aim.graceSeconds} s (${aim.remove})`;

/** An aim in words, one line a container. */
export function told({ image, containers, others: rest, holder }: AgentAim): string[] {
  const routed = holder?.route.map(({ revision, ordinal }) => `${letterOf(revision)}${ordinal}`) ?? [];
  return [
    ...(image ? [`${image.type} (${image.cause})`] : []),
    ...containers.map(one),
    others(rest),
    ...(holder ? [`traffic to ${routed.join(' ') || 'nobody'} (${holder.cause})`] : []),
  ].map(inLetters);
}
