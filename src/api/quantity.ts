import * as z from 'zod';

const SUFFIX: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};
const QUANTITY = /^(\d+(?:\.\d+)?|\.\d+)(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$/;

/**
 * The amount that a Kubernetes `resource.Quantity` stands for: cores for cpu, bytes for memory.
 * @throws RangeError when the text is not a quantity.
 */
export function parseQuantity(text: string): number {
  const match = QUANTITY.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a quantity such as 500m, 2 or 4Gi`);
  return Number(match[1]) * (SUFFIX[match[2] ?? ''] ?? 1);
}

const HINT = 'must be a quantity such as 500m, 2 or 4Gi';

/** Beyond this a number is no longer exact; far beyond it is infinite, which Podman would be told as no limit at all. */
const isExact = (text: string): boolean => parseQuantity(text) <= Number.MAX_SAFE_INTEGER;

/**
 * Kubernetes writes a quantity as a text or a whole number (a CRD takes no other number: a fraction goes in quotes or
 * in thousandths, 500m); we keep the text.
 */
export const quantity = z
  .union([z.string().regex(QUANTITY, HINT), z.number().int().min(0)], {
    error: `${HINT}; a fraction in quotes`,
  })
  .transform(String)
  .refine(isExact, 'is larger than anything that can be counted')
  .meta({ 'x-kubernetes-int-or-string': true });
