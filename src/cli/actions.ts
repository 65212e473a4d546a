import type { Action } from './action.ts';
import type { CommandName } from './definitions.ts';

/** Each is a chunk of its own: a command pays for no other one. */
export const actions: Readonly<Record<CommandName, () => Promise<Action>>> = {
  run: async () => (await import('./commands/run.ts')).run,
  service: async () => (await import('./commands/service.ts')).service,
  doctor: async () => (await import('./commands/doctor.ts')).doctor,
  apply: async () => (await import('./commands/apply.ts')).apply,
  plan: async () => (await import('./commands/plan.ts')).plan,
  validate: async () => (await import('./commands/validate.ts')).validate,
  get: async () => (await import('./commands/get.ts')).get,
  describe: async () => (await import('./commands/describe.ts')).describe,
  rollout: async () => (await import('./commands/rollout.ts')).rollout,
  why: async () => (await import('./commands/why.ts')).why,
  diff: async () => (await import('./commands/diff.ts')).diff,
  suspend: async () => (await import('./commands/suspend.ts')).suspend,
  resume: async () => (await import('./commands/suspend.ts')).resume,
  logs: async () => (await import('./commands/logs.ts')).logs,
  events: async () => (await import('./commands/events.ts')).events,
  graph: async () => (await import('./commands/graph.ts')).graph,
  crds: async () => (await import('./commands/crds.ts')).crds,
  secrets: async () => (await import('./commands/secrets.ts')).secrets,
  status: async () => (await import('./commands/status.ts')).status,
  prune: async () => (await import('./commands/prune.ts')).prune,
  volume: async () => (await import('./commands/volume.ts')).volume,
  sync: async () => (await import('./commands/sync.ts')).sync,
  version: async () => (await import('./commands/version.ts')).version,
  completion: async () => (await import('./commands/completion.ts')).completion,
};
