import { z } from 'zod';
import { dnsLabel } from './names.ts';

export const API_VERSION = 'rookery.dev/v1alpha1';
export const DEFAULT_NAMESPACE = 'default';

const stringMap = z.record(z.string().max(317), z.string());

export const objectMeta = z.strictObject({
  name: dnsLabel,
  namespace: dnsLabel.default(DEFAULT_NAMESPACE),
  labels: stringMap.optional(),
  annotations: stringMap.optional(),
});

export type ObjectMeta = z.output<typeof objectMeta>;
