import type { Agent } from '../../src/api/agent.ts';
import type { MissingInput } from '../../src/state/resolver.ts';

/** Fields that validate and do nothing yet say so, and the agent is left as it is: never silence. */
export function unsupported({ spec }: Agent): MissingInput | undefined {
  const found = [
    spec.runtime === 'Container' ? undefined : `runtime ${spec.runtime}`,
    hasOtherMode(spec) ? 'defaultMode of a configMap volume' : undefined,
  ].filter((text) => text !== undefined);
  if (found.length === 0) return undefined;
  const message = `${found.join(', ')} is not supported by this version; use runtime Container and mode 0644`;
  return { reason: 'NotYetSupported', message, terminal: true };
}

/** All readers of a ConfigMap share its files. */
const hasOtherMode = ({ volumes }: Agent['spec']): boolean =>
  volumes.some(
    ({ configMap }) => configMap?.defaultMode !== undefined && configMap.defaultMode !== FILE_MODE,
  );

const FILE_MODE = 0o644;
