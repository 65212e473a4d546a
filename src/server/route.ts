import { type Kind, type KindInfo, kinds } from '../api/kinds.ts';
import { API_VERSION } from '../api/meta.ts';
import { badRequest } from './errors.ts';

export const GROUP_PATH = `/apis/${API_VERSION}`;
export const CORE_PATH = '/api/v1';

/** Core `v1`: kept by the controller, declared by nobody. */
export const EVENTS = { kind: 'Event', plural: 'events', singular: 'event', shortNames: ['ev'] } as const;

/** One of the kinds that are declared, or what happened to them. */
export type Resource = Kind | typeof EVENTS.kind;

export type Route =
  | { readonly type: 'Discovery'; readonly path: string }
  | { readonly type: 'Objects'; readonly resource: Resource; readonly namespace?: string }
  | {
      readonly type: 'Object';
      readonly resource: Resource;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly type: 'Log'; readonly namespace: string; readonly name: string }
  | ({ readonly type: 'Act'; readonly namespace: string; readonly name: string } & Subresource)
  | { readonly type: 'Verb'; readonly verb: Verb }
  | { readonly type: 'Health'; readonly check: 'healthz' | 'livez' | 'readyz' }
  | { readonly type: 'Metrics' }
  | { readonly type: 'Version' };

const VERBS = ['plan', 'diff', 'sync', 'convergence', 'exports'] as const;
export type Verb = (typeof VERBS)[number];

/** Only to be written: what a person asks for outside the files. */
export const SUBRESOURCES = [
  { resource: 'Agent', subresource: 'rollout' },
  { resource: 'Agent', subresource: 'suspend' },
  { resource: 'Agent', subresource: 'resume' },
  { resource: 'Volume', subresource: 'restore' },
] as const;
export type Subresource = (typeof SUBRESOURCES)[number];

export const DISCOVERY_PATHS: readonly string[] = [
  '/api',
  CORE_PATH,
  '/apis',
  '/apis/rookery.dev',
  GROUP_PATH,
];

const FIXED: Readonly<Record<string, Route>> = {
  '/healthz': { type: 'Health', check: 'healthz' },
  '/livez': { type: 'Health', check: 'livez' },
  '/readyz': { type: 'Health', check: 'readyz' },
  '/metrics': { type: 'Metrics' },
  '/version': { type: 'Version' },
};

/** What a path names; `undefined` when nothing is served there. */
export function parseRoute(pathname: string): Route | undefined {
  const path = pathname.replace(/\/+$/, '');
  if (Object.hasOwn(FIXED, path)) return FIXED[path];
  if (DISCOVERY_PATHS.includes(path)) return { type: 'Discovery', path };
  for (const prefix of [GROUP_PATH, CORE_PATH]) {
    if (!path.startsWith(`${prefix}/`)) continue;
    const steps = path
      .slice(prefix.length + 1)
      .split('/')
      .map(decode);
    return parseVerb(prefix, steps) ?? parseResource(prefix, steps);
  }
  return undefined;
}

function parseVerb(prefix: string, steps: readonly string[]): Route | undefined {
  const verb = VERBS.find((candidate) => candidate === steps[0]);
  return verb && prefix === GROUP_PATH && steps.length === 1 ? { type: 'Verb', verb } : undefined;
}

function parseResource(prefix: string, steps: readonly string[]): Route | undefined {
  const isNamespaced = steps[0] === 'namespaces' && steps.length > 2;
  const [, namespace = '', plural, name, subresource, ...more] = isNamespaced ? steps : ['', '', ...steps];
  if (more.length > 0 || steps.includes('')) return undefined;
  if (prefix === CORE_PATH && plural === 'pods') return parseLog({ namespace, name, subresource });
  const resource = resourceOf(prefix, plural);
  if (!resource) return undefined;
  if (subresource !== undefined) return parseAct(resource, { namespace, name, subresource });
  if (name === undefined) return { type: 'Objects', resource, ...(isNamespaced && { namespace }) };
  return isNamespaced ? { type: 'Object', resource, namespace, name } : undefined;
}

function parseAct(asked: Resource, { namespace, name, subresource }: PodSteps): Route | undefined {
  const known = SUBRESOURCES.find((one) => one.resource === asked && one.subresource === subresource);
  if (namespace === '' || name === undefined || !known) return undefined;
  return { type: 'Act', namespace, name, ...known };
}

interface PodSteps {
  readonly namespace: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

const parseLog = ({ namespace, name, subresource }: PodSteps): Route | undefined =>
  namespace !== '' && name !== undefined && subresource === 'log'
    ? { type: 'Log', namespace, name }
    : undefined;

function resourceOf(prefix: string, plural: string | undefined): Resource | undefined {
  if (prefix === CORE_PATH && plural === EVENTS.plural) return EVENTS.kind;
  return kindsBelow(prefix).find((info) => info.plural === plural)?.kind;
}

export const kindsBelow = (prefix: string): readonly KindInfo[] =>
  Object.values(kinds).filter(({ apiVersion }) => (apiVersion === 'v1') === (prefix === CORE_PATH));

function decode(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    throw badRequest(`the path has an invalid escape: ${step}`);
  }
}
