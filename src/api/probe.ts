import * as z from 'zod';
import { portOrName } from './names.ts';
import { exactlyOneOf } from './one-of.ts';

const port = portOrName.describe("Port number, or the name of one of the agent's `ports`.");
const httpHeader = z.strictObject({
  name: z.string().min(1).describe('Name of the header.'),
  value: z.string().describe('Value of the header.'),
});

export const HEALTHY_STATUSES = ['ok', 'healthy', 'operational', 'success', 'running'];

const httpCheck = z
  .strictObject({
    path: z.string().startsWith('/').default('/').describe('Path of the request.'),
    port,
    scheme: z
      .enum(['HTTP', 'HTTPS'])
      .default('HTTP')
      .describe('HTTPS certificates are not verified, as in Kubernetes.'),
    host: z
      .string()
      .min(1)
      .optional()
      .describe("Host header and address; by default the agent's own address."),
    httpHeaders: z.array(httpHeader).max(32).optional().describe('Further headers of the request.'),
  })
  .describe('GET request; any status from 200 to 399 is healthy.');

const zmqCheck = z
  .strictObject({
    port,
    request: z
      .record(z.string(), z.json())
      .default({ action: 'health_check' })
      .describe('JSON that is sent over a REQ socket.')
      .meta({ 'x-kubernetes-preserve-unknown-fields': true }),
    statusKey: z.string().min(1).default('status').describe('Key of the JSON reply that holds the status.'),
    healthy: z
      .array(z.string().min(1))
      .min(1)
      .max(32)
      .default(HEALTHY_STATUSES)
      .describe('Statuses that are healthy, whatever their case.'),
  })
  .describe('Health request over ZeroMQ: one JSON request, one JSON reply.');

const seconds = (minimum: number, fallback: number) =>
  z.number().int().min(minimum).max(86_400).default(fallback);

const CHECKS = ['httpGet', 'tcpSocket', 'exec', 'grpc', 'zmq'] as const;

/** Kubernetes' probe with its defaults, and the AI system's own `zmq` check beside the four usual ones. */
export const probe = exactlyOneOf(
  z.strictObject({
    httpGet: httpCheck.optional(),
    tcpSocket: z.strictObject({ port }).optional().describe('A connection that opens is healthy.'),
    exec: z
      .strictObject({
        command: z.array(z.string()).min(1).max(256).describe('Program and arguments, without a shell.'),
      })
      .optional()
      .describe('A command in the container; exit status 0 is healthy.'),
    grpc: z
      .strictObject({ port, service: z.string().default('').describe('Service to ask about.') })
      .optional()
      .describe('grpc.health.v1.Health/Check; SERVING is healthy.'),
    zmq: zmqCheck.optional(),
    initialDelaySeconds: seconds(0, 0).describe(
      'Seconds from the start of the container to the first check.',
    ),
    periodSeconds: seconds(1, 10).describe('Seconds between two checks.'),
    timeoutSeconds: seconds(1, 1).describe('Seconds after which a check has failed.'),
    successThreshold: z
      .number()
      .int()
      .min(1)
      .max(100)
      .default(1)
      .describe('Successes in a row that count as healthy.'),
    failureThreshold: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .default(3)
      .describe('Failures in a row that count as unhealthy.'),
  }),
  CHECKS,
);

export type Probe = z.output<typeof probe>;
