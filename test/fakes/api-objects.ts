import type { AgentStatus, ApiObject, EventObject } from '../../src/api/status.ts';
import { ago } from './cli.ts';

export type AgentApiObject = ApiObject & { readonly status: AgentStatus };

interface AgentFacts {
  readonly namespace?: string;
  readonly spec?: object;
  readonly status?: Partial<AgentStatus>;
  readonly ageSeconds?: number;
}

export function apiAgent(name: string, facts: AgentFacts = {}): AgentApiObject {
  const { namespace = 'ai-system', spec = {}, status = {}, ageSeconds = 300 } = facts;
  return {
    apiVersion: 'rookery.dev/v1alpha1',
    kind: 'Agent',
    metadata: {
      name,
      namespace,
      uid: `uid-of-${name}`,
      generation: 2,
      resourceVersion: '7',
      creationTimestamp: ago(ageSeconds),
    },
    spec: { layer: 1, required: true, dependsOn: [], image: 'localhost/agent:1', ...spec },
    status: {
      phase: 'Healthy',
      reason: 'Stable',
      message: '',
      observedGeneration: 2,
      currentRevision: '3f9c21ab',
      targetRevision: '3f9c21ab',
      stableRevision: '3f9c21ab',
      ready: true,
      replicas: 1,
      readyReplicas: 1,
      updatedReplicas: 1,
      restarts: 0,
      revisions: [],
      conditions: [],
      ...status,
    },
  };
}

export function apiEvent(name: string, facts: Partial<EventObject> = {}): EventObject {
  return {
    metadata: { name: `${name}.1`, namespace: 'ai-system', resourceVersion: '3' },
    involvedObject: { kind: 'Agent', namespace: 'ai-system', name },
    type: 'Normal',
    reason: 'Healthy',
    message: 'serves',
    count: 1,
    firstTimestamp: ago(30),
    lastTimestamp: ago(30),
    ...facts,
  };
}

export const listOf = (items: readonly unknown[], resourceVersion = '7') => ({
  kind: 'List',
  apiVersion: 'v1',
  metadata: { resourceVersion },
  items,
});
