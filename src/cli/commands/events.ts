import type { Action } from '../actions.ts';
export const events: Action = () => Promise.resolve(1);
