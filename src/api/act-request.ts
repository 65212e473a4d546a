import * as z from 'zod';

const MOST_SUSPEND_SECONDS = 366 * 86_400;

const revision = z
  .string()
  .regex(/^[0-9a-f]{4,8}$/, 'must be the id of a revision, or at least 4 digits of its beginning');

/** Body of a POST to `…/agents/NAME/rollout`. */
export const rolloutRequest = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('undo'), toRevision: revision.optional() }),
  z.strictObject({ action: z.enum(['pause', 'resume', 'approve', 'abort', 'retry', 'restart']) }),
]);

/** Body of a POST to `…/agents/NAME/suspend`. */
export const suspendRequest = z
  .strictObject({
    forSeconds: z.number().int().min(1).max(MOST_SUSPEND_SECONDS).optional(),
    reason: z.string().min(1).max(256).optional(),
  })
  .transform((request) => ({ action: 'suspend' as const, ...request }));

/** Body of a POST to `…/agents/NAME/resume`. */
export const resumeRequest = z.strictObject({}).transform(() => ({ action: 'unsuspend' as const }));

/** What a person may ask of one agent outside the files. */
export type ActRequest =
  | z.output<typeof rolloutRequest>
  | z.output<typeof suspendRequest>
  | z.output<typeof resumeRequest>;
