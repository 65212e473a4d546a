import { labels } from '../../src/api/labels.ts';
import type { Eye, Scene } from './invariants.ts';

/** A controller that is ended in the midst of it goes on with it in its next life. */
export function removalGoesOn({ broken }: Scene): Eye {
  const going = new Set<string>();
  let wanted: ReadonlySet<string> = new Set();
  return {
    edit: (agents) => {
      wanted = agents;
      for (const agent of agents) going.delete(agent);
    },
    onRecord: ({ key, state }) => {
      if (state === 'Terminating' && !wanted.has(key.name)) going.add(key.name);
    },
    beforeCall: ({ method, args: [subject] }) => {
      if (method !== 'createContainer') return;
      const { labels: given, name } = subject as { labels: Record<string, string>; name: string };
      if (going.has(given[labels.name] ?? '')) broken('RemovalGoesOn', `${name} is made again`);
    },
    forget: () => going.clear(),
  };
}
