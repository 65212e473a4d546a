import { labels } from '../../src/api/labels.ts';
import type { ContainerAim } from '../../src/plan/aim.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { Revision } from '../../src/state/record.ts';
import { type ContainerTemplate, EMPTY_TEMPLATE } from '../../src/state/template.ts';

export const aTemplate = (change: Partial<ContainerTemplate> = {}): ContainerTemplate => ({
  ...EMPTY_TEMPLATE,
  image: { reference: 'localhost/agent:1', id: 'sha256:aaaa' },
  network: { mode: 'bridge', networks: [{ name: 'ns.default', ip: '10.0.0.9', aliases: ['twin'] }] },
  security: { ...EMPTY_TEMPLATE.security, dropCapabilities: ['ALL'] },
  stopGraceSeconds: 30,
  ...change,
});

export const aRevision = (id: string, change: Partial<ContainerTemplate> = {}): Revision => ({
  id,
  hashVersion: 1,
  template: aTemplate(change),
  createdAtMs: 0,
  cause: `made ${id}`,
  outcome: 'Pending',
});

export const aContainer = (
  revision: string,
  attempt: number,
  change: Partial<ObservedContainer> = {},
): ObservedContainer => ({
  id: `id-${revision}-${attempt}`,
  name: `ns.twin-${revision}-${attempt}-0`,
  labels: { [labels.revision]: revision, [labels.attempt]: String(attempt), [labels.ordinal]: '0' },
  annotations: {},
  state: 'running',
  pid: 1,
  startedAtMs: 1,
  finishedAtMs: 0,
  createdAtMs: 1,
  exitCode: 0,
  oomKilled: false,
  error: '',
  imageId: 'sha256:aaaa',
  hostNetwork: false,
  networks: { 'ns.default': '10.0.0.9' },
  ports: [],
  resources: {},
  ...change,
});

export const anAim = (
  revision: Revision,
  want: ContainerAim['want'],
  change: Partial<ContainerAim> = {},
): ContainerAim => ({
  revision,
  attempt: 1,
  ordinal: 0,
  want,
  cause: 'because',
  graceSeconds: 30,
  correctDrift: false,
  ...change,
});
