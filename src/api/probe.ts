import { z } from 'zod';
import { portNumber } from './names.ts';

const portOrName = z
  .union([portNumber, z.string().min(1).max(15)])
  .meta({ 'x-kubernetes-int-or-string': true });
const httpHeader = z.strictObject({ name: z.string().min(1), value: z.string() });

export const HEALTHY_STATUSES = ['ok', 'healthy', 'operational', 'success', 'running'];

const zmqCheck = z.strictObject({
  port: portOrName,
  request: z
    .record(z.string(), z.json())
    .default({ action: 'health_check' })
    .meta({ 'x-kubernetes-preserve-unknown-fields': true }),
  statusKey: z.string().min(1).default('status'),
  healthy: z.array(z.string().min(1)).min(1).max(32).default(HEALTHY_STATUSES),
});

const seconds = (minimum: number, fallback: number) =>
  z.number().int().min(minimum).max(86_400).default(fallback);

/** Kubernetes' probe with its defaults, and the AI system's own `zmq` check beside the four usual ones. */
export const probe = z
  .strictObject({
    httpGet: z
      .strictObject({
        path: z.string().startsWith('/').default('/'),
        port: portOrName,
        scheme: z.enum(['HTTP', 'HTTPS']).default('HTTP'),
        host: z.string().min(1).optional(),
        httpHeaders: z.array(httpHeader).max(32).optional(),
      })
      .optional(),
    tcpSocket: z.strictObject({ port: portOrName }).optional(),
    exec: z.strictObject({ command: z.array(z.string()).min(1).max(256) }).optional(),
    grpc: z.strictObject({ port: portOrName, service: z.string().default('') }).optional(),
    zmq: zmqCheck.optional(),
    initialDelaySeconds: seconds(0, 0),
    periodSeconds: seconds(1, 10),
    timeoutSeconds: seconds(1, 1),
    successThreshold: z.number().int().min(1).max(100).default(1),
    failureThreshold: z.number().int().min(1).max(10_000).default(3),
  })
  .refine((value) => checksOf(value) === 1, 'must have exactly one of httpGet, tcpSocket, exec, grpc or zmq');

const CHECKS = ['httpGet', 'tcpSocket', 'exec', 'grpc', 'zmq'] as const;

const checksOf = (value: Partial<Record<(typeof CHECKS)[number], unknown>>): number =>
  CHECKS.filter((check) => value[check] !== undefined).length;

export type Probe = z.output<typeof probe>;
