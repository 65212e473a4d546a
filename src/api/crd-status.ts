import type { Kind } from './kinds.ts';

const text = (description: string) => ({ type: 'string', description });
const whole = (description: string) => ({ type: 'integer', format: 'int64', description });
const truth = (description: string) => ({ type: 'boolean', description });
const time = (description: string) => ({ type: 'string', format: 'date-time', description });
const list = (items: object, description: string) => ({ type: 'array', description, items });

const fields = (properties: Readonly<Record<string, object>>, required: readonly string[] = []) => ({
  type: 'object',
  ...(required.length > 0 && { required }),
  properties,
});

/** Kubernetes' `metav1.Condition`. */
const condition = fields(
  {
    type: text('Which condition, such as Ready or Stalled.'),
    status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Whether it holds.' },
    reason: text('Why, in one word.'),
    message: text('Why, for people.'),
    lastTransitionTime: time('When the status last changed.'),
    observedGeneration: whole('Generation it was told of.'),
  },
  ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
);

const conditions = {
  ...list(condition, 'What holds of the object, after the Kubernetes API conventions.'),
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['type'],
};

const lastExit = fields({
  code: whole('Exit status.'),
  oomKilled: truth('The kernel killed it for its memory.'),
  at: time('When it ended.'),
});

const failure = fields({
  reason: text('Why it failed, in one word.'),
  message: text('Why it failed, for people.'),
  at: time('When it failed.'),
  exitCode: whole('Exit status of its container.'),
  oomKilled: truth('The kernel killed it for its memory.'),
  lastProbe: text('What its probes answered last.'),
  logTail: list({ type: 'string' }, 'Last lines of its log.'),
});

const origin = {
  ...fields({
    file: text('File of the manifest.'),
    line: whole('Line at which it begins there.'),
    commit: text('Git commit that the file was of.'),
  }),
  description: 'Where its manifest stood.',
};

const rollout = fields({
  revision: text('Revision it went to; none when its image could not be had.'),
  from: text('Revision that served until then.'),
  trigger: text('Manifest, Undo, Restart or Retry.'),
  changes: list({ type: 'string' }, 'What differs, field by field.'),
  origin,
  startedAt: time('When it began.'),
  endedAt: time('When it was over.'),
  outcome: text('UnderWay, Stable, Failed, RolledBack or Superseded.'),
  message: text('Why it failed, for people.'),
});

const revision = fields({
  id: text('First 8 hex digits of its hash.'),
  outcome: text('Pending, Stable, Failed or Superseded.'),
  cause: text('What made it.'),
  createdAt: time('When it was made.'),
  origin,
  failure: { ...failure, description: 'Why it was given up.' },
});

const common = {
  phase: text('Where it is, in one word.'),
  message: text('Where it is, for people.'),
  observedGeneration: whole('Last generation that became Ready or Stalled.'),
  conditions,
};

const agentStatus = {
  ...common,
  reason: text('Why it is there, in one word.'),
  currentRevision: text('Revision whose container serves.'),
  targetRevision: text('Revision that the manifest asks for.'),
  stableRevision: text('Newest revision that proved itself.'),
  ready: truth('Its probes succeed.'),
  replicas: whole('Containers of it that run.'),
  readyReplicas: whole('Of those that are meant to answer, how many are ready.'),
  updatedReplicas: whole('Containers that run the revision that the manifest asks for.'),
  restarts: whole('Times its containers were started again.'),
  address: text('Address on its first network.'),
  containerName: text('Name of its container.'),
  startedAt: time('When its container started.'),
  nextRetryAt: time('When what failed is tried again.'),
  lastExit: { ...lastExit, description: 'How its last container ended.' },
  lastPlan: list({ type: 'string' }, 'What was done or would be done last, each line with its cause.'),
  revisions: list(revision, 'Revisions that are remembered, the newest last.'),
  rollouts: list(rollout, 'How it came from revision to revision, the newest last.'),
};

export const statusSchema = (kind: Kind): object => ({
  ...fields(kind === 'Agent' ? agentStatus : common),
  description: 'What is; written by the controller.',
});

const column = (name: string, jsonPath: string, more: object = {}) => ({
  name,
  type: 'string',
  jsonPath,
  ...more,
});
const READY = '.status.conditions[?(@.type=="Ready")].status';
const age = column('Age', '.metadata.creationTimestamp', { type: 'date' });

const OWN_COLUMNS: Readonly<Partial<Record<Kind, readonly object[]>>> = {
  Agent: [
    column('Restarts', '.status.restarts', { type: 'integer' }),
    column('Revision', '.status.currentRevision'),
    column('Layer', '.spec.layer', { type: 'integer', priority: 1 }),
    column('Reason', '.status.reason', { priority: 1 }),
  ],
  Image: [column('Tag', '.spec.tag')],
  Network: [column('Driver', '.spec.driver')],
  Volume: [column('Retention', '.spec.retention')],
};

/** What `kubectl get` prints; the columns with a priority only with `-o wide`. */
export const additionalColumns = (kind: Kind): object[] => [
  column('Phase', '.status.phase'),
  column('Ready', READY),
  ...(OWN_COLUMNS[kind] ?? []),
  age,
];
