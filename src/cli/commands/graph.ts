import type { Action } from '../actions.ts';
export const graph: Action = () => Promise.resolve(1);
