import { dependencyGraph } from '../../plan/graph.ts';
import { validateFiles } from '../../source/validate-files.ts';
import type { Action } from '../action.ts';
import { drawDot, drawMermaid, drawText, graphNodes } from '../draw-graph.ts';

const DRAWINGS = { text: drawText, mermaid: drawMermaid, dot: drawDot } as const;

export const graph: Action = async ({ terminal, services, config }, { options }) => {
  const snapshot = await validateFiles([config.manifestsDir], {
    now: () => services.nowMs(),
    ...(config.roots.length > 0 && { roots: config.roots }),
  });
  const draw = DRAWINGS[(options['output'] ?? 'text') as keyof typeof DRAWINGS];
  terminal.out(draw(graphNodes(snapshot, dependencyGraph(snapshot))));
  const errors = snapshot.problems.length;
  if (errors === 0) return 0;
  terminal.err(
    `rookery: ${errors} ${errors === 1 ? 'error' : 'errors'} in the manifests; see: rookery validate\n`,
  );
  return 1;
};
