import type { Action } from '../actions.ts';
export const logs: Action = () => Promise.resolve(1);
