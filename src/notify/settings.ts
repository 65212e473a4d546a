import * as z from 'zod';

const https = z.url({ protocol: /^https?$/ });
const tokenFile = z.string().min(1).optional();

/** Where notices go; secrets are in files of their own. */
const targetSchema = z.union([
  z.strictObject({ webhook: https, tokenFile }),
  z.strictObject({ ntfy: https, tokenFile }),
  z.strictObject({ command: z.array(z.string()).min(1) }),
]);

const settingsSchema = z.strictObject({ targets: z.array(targetSchema).max(10) });

export type Target = z.output<typeof targetSchema>;

/** Throws with what is wrong, for a person. */
export function parseSettings(text: string): readonly Target[] {
  const result = settingsSchema.safeParse(JSON.parse(text));
  if (result.success) return result.data.targets;
  const places = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(places.join('; '));
}
