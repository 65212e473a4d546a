import * as z from 'zod';
import { DEFAULT_NAMESPACE } from './dns-label.ts';
import { dnsLabel } from './names.ts';

export const API_VERSION = 'rookery.dev/v1alpha1';

const stringMap = z.record(z.string().max(317), z.string());

export const objectMeta = z.strictObject({
  name: dnsLabel.describe('Name, unique for its kind in its namespace.'),
  namespace: dnsLabel
    .default(DEFAULT_NAMESPACE)
    .describe('Namespace; objects refer to each other within one namespace only.'),
  labels: stringMap.optional().describe('Labels for people and tools.'),
  annotations: stringMap.optional().describe('Notes for people and tools.'),
});
