import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { observedVolume } from './observe.ts';
import type { Podman } from './podman.ts';
import { exportVolume } from './volume-export.ts';
import { restoreVolume } from './volume-restore.ts';
import type { WireVolume } from './wire.ts';

type VolumeCalls = Pick<
  Podman,
  'listVolumes' | 'inspectVolume' | 'createVolume' | 'removeVolume' | 'exportVolume' | 'restoreVolume'
>;

export function volumeCalls(dial: Dial): VolumeCalls {
  return {
    async listVolumes(labels) {
      const query = labelFilter(labels);
      const what = 'list volumes';
      const reply = await dial.call<WireVolume[]>({ method: 'GET', path: '/volumes/json', query, what });
      return (reply.body ?? []).filter((wire) => hasLabels(wire.Labels, labels)).map(observedVolume);
    },

    async inspectVolume(name) {
      const what = `inspect volume ${name}`;
      const path = `${pathOf(name)}/json`;
      const wire = await foundOrUndefined(dial.call<WireVolume>({ method: 'GET', path, what }));
      return wire && observedVolume(wire);
    },

    async createVolume({ name, driver, options, labels }) {
      const what = `create volume ${name}`;
      const body = { Name: name, Driver: driver, Options: options, Labels: labels };
      const reply = await dial.call<WireVolume>({ method: 'POST', path: '/volumes/create', body, what });
      return observedVolume(reply.body ?? { Name: name });
    },

    async removeVolume(name) {
      await absentIsDone(dial.call({ method: 'DELETE', path: pathOf(name), what: `remove volume ${name}` }));
    },

    exportVolume: (name, toFile) => exportVolume(dial, name, toFile),
    restoreVolume: (name, fromFile) => restoreVolume(dial, name, fromFile),
  };
}

const pathOf = (name: string): string => `/volumes/${encodeURIComponent(name)}`;
