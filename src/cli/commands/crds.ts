import type { Action } from '../actions.ts';
export const crds: Action = () => Promise.resolve(1);
