import { crdFor, crdKinds } from '../../api/crd.ts';
import { toYaml } from '../../source/to-yaml.ts';
import type { Action } from '../action.ts';

export const crds: Action = ({ terminal }) => {
  terminal.out(crdKinds.map((kind) => toYaml(crdFor(kind))).join('---\n'));
  return Promise.resolve(0);
};
