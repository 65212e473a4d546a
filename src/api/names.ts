import * as z from 'zod';
import { DNS_LABEL, DNS_LABEL_HINT, LONGEST_DNS_LABEL } from './dns-label.ts';

/** RFC 1123 label, at most 63 characters: a valid host name on every network and a valid Podman name. */
export const dnsLabel = z.string().min(1).max(LONGEST_DNS_LABEL).regex(DNS_LABEL, DNS_LABEL_HINT);

export const configKey = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, 'must consist of letters, digits, "-", "_" or "."')
  .refine((key) => key !== '.' && !key.startsWith('..'), 'must not be "." or start with ".."')
  .meta({ not: { pattern: '^(\\.$|\\.\\.)' } });

export const envName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[-._a-zA-Z][-._a-zA-Z0-9]*$/, 'must be a valid environment variable name');

export const absolutePath = z
  .string()
  .max(4096)
  .regex(/^\/[^\0]*$/, 'must be an absolute path')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')
  .meta({ not: { pattern: '(^|/)\\.\\.(/|$)' } });

/** Below something else: with ".." it would lead out of that, to any file of the host. */
export const relativePath = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^/\0][^\0]*$/, 'must be a relative path')
  .refine((path) => !path.split('/').includes('..'), 'must not contain ".."')
  .meta({ not: { pattern: '(^|/)\\.\\.(/|$)' } });

export const portNumber = z.number().int().min(1).max(65_535);

/** A number, or a name of at most 15 characters that `ports` gives one. */
export const portOrName = z
  .union([portNumber, z.string().min(1).max(15)], {
    error: 'must be a port number (1 to 65535) or the name of a port',
  })
  .meta({ 'x-kubernetes-int-or-string': true });
