import type { Action } from '../actions.ts';
export const describe: Action = () => Promise.resolve(1);
