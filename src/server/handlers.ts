import type { ServerResponse } from 'node:http';
import type { KeyString } from '../api/key.ts';
import { kinds } from '../api/kinds.ts';
import { API_VERSION } from '../api/meta.ts';
import { VERSION } from './version.ts';
import type { Backend } from './backend.ts';
import { readAct } from './acts.ts';
import { discoveryAt } from './discovery.ts';
import { ApiError, badRequest, notFound } from './errors.ts';
import { feedOf, type Served } from './feed.ts';
import { answerReadiness } from './health.ts';
import { streamLog } from './logs.ts';
import { flag } from './query.ts';
import { sendJson, sendText } from './respond.ts';
import type { Resource, Route, Verb } from './route.ts';
import { selectorOf } from './selectors.ts';
import { streamChanges } from './watch.ts';

export interface ApiRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly body: string;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

type RouteOf<T extends Route['type']> = Extract<Route, { type: T }>;

/** Answers one request to a known route, or throws what `asApiError` understands. */
export async function answer(
  backend: Backend,
  route: Route,
  { request, response }: { readonly request: ApiRequest; readonly response: ServerResponse },
): Promise<void> {
  refuseOtherMethods(route, request.method);
  switch (route.type) {
    case 'Discovery':
      return sendJson(response, discoveryAt(route.path) ?? {});
    case 'Objects':
      return isWatch(request.query)
        ? streamChanges(feedOf(backend, route.resource), { ...request, ...route }, response)
        : sendJson(response, listOf(backend, route, request.query));
    case 'Object':
      return sendJson(response, objectOf(backend, route));
    case 'Log':
      return streamLog(backend, { ...request, ...route }, response);
    case 'Act':
      objectOf(backend, { ...route, type: 'Object' });
      return sendJson(response, success(await carryOut(backend, route, request)));
    case 'Verb':
      return answerVerb(backend, route.verb, { request, response });
    case 'Health':
      return route.check === 'readyz'
        ? answerReadiness(backend.readiness(), request.query, response)
        : sendText(response, 'ok');
    case 'Metrics': {
      const { contentType, text } = await backend.metrics();
      response.writeHead(200, { 'content-type': contentType });
      response.end(text);
      return;
    }
    case 'Version':
      return sendJson(response, { gitVersion: VERSION, platform: `${process.platform}/${process.arch}` });
  }
}

/** Returns what was done, in a line for who asked. */
function carryOut(backend: Backend, route: RouteOf<'Act'>, request: ApiRequest): Promise<string> {
  const { namespace, name, subresource } = route;
  if (subresource === 'restore')
    return backend.restore(namespace, name, request.query.get('from') ?? undefined);
  return backend.act(namespace, name, readAct(subresource, request.body));
}

export const isWatch = (query: URLSearchParams): boolean => flag(query, 'watch');

const POSTED: ReadonlySet<Verb> = new Set(['plan', 'diff', 'sync']);

function refuseOtherMethods(route: Route, method: string): void {
  const isPosted = route.type === 'Act' || (route.type === 'Verb' && POSTED.has(route.verb));
  const isAllowed = isPosted ? method === 'POST' : method === 'GET' || method === 'HEAD';
  if (isAllowed) return;
  throw new ApiError(405, 'MethodNotAllowed', `${method} is not allowed here: ${hintFor(route)}`);
}

function hintFor(route: Route): string {
  switch (route.type) {
    case 'Object':
    case 'Log':
      return `the files are the truth: edit the manifest of ${route.namespace}/${route.name}, or delete it`;
    case 'Objects':
      return 'the files are the truth: edit the manifests, and the controller follows';
    case 'Act':
      return `${route.subresource} is asked for with POST`;
    case 'Verb':
      return `${route.verb} is asked for with ${POSTED.has(route.verb) ? 'POST' : 'GET'}`;
    default:
      return 'it can only be read, with GET';
  }
}

const success = (message?: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(message !== undefined && { message }),
});

const apiVersionOf = (resource: Resource): string =>
  resource === 'Event' ? 'v1' : kinds[resource].apiVersion;

function listOf(
  backend: Backend,
  { resource, namespace }: RouteOf<'Objects'>,
  query: URLSearchParams,
): object {
  const { resourceVersion, items } = feedOf(backend, resource).list(namespace);
  return {
    kind: `${resource}List`,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion },
    items: items.filter(selectorOf(query)),
  };
}

function objectOf(backend: Backend, { resource, namespace, name }: RouteOf<'Object'>): Served {
  const items: readonly Served[] =
    resource === 'Event'
      ? feedOf(backend, resource).list(namespace).items
      : found(backend.objects.get(resource, namespace, name));
  const object = items.find(({ metadata }) => metadata.name === name);
  if (object) return object;
  const plural = resource === 'Event' ? 'events' : kinds[resource].plural;
  const group = apiVersionOf(resource) === API_VERSION ? '.rookery.dev' : '';
  throw notFound(`${plural}${group} "${name}" not found`);
}

async function answerSync(backend: Backend, { query }: ApiRequest): Promise<object> {
  const refused = await backend.sync({
    approvePrune: flag(query, 'approvePrune'),
    approve: query.getAll('approve').map(objectNamed),
    allowNonFastForward: flag(query, 'allowNonFastForward'),
    now: flag(query, 'now'),
  });
  const { source, window } = backend.convergence();
  return { ...success(), refused, ...(source && { source }), ...(window && { window }) };
}

function objectNamed(text: string): KeyString {
  const steps = text.split('/');
  if (steps.length !== 3 || steps.includes(''))
    throw badRequest(`approve "${text}" must be Kind/namespace/name`);
  return text as KeyString;
}

const found = (object: Served | undefined): readonly Served[] => (object ? [object] : []);

interface Exchange {
  readonly request: ApiRequest;
  readonly response: ServerResponse;
}

async function answerVerb(backend: Backend, verb: Verb, { request, response }: Exchange): Promise<void> {
  switch (verb) {
    case 'plan':
      return sendJson(response, { kind: 'Plan', apiVersion: API_VERSION, ...(await backend.plan()) });
    case 'diff':
      return sendJson(response, { kind: 'Diff', apiVersion: API_VERSION, ...(await backend.diff()) });
    case 'sync':
      return sendJson(response, await answerSync(backend, request));
    case 'exports':
      return sendJson(response, {
        kind: 'VolumeExports',
        apiVersion: API_VERSION,
        items: await backend.exports(),
      });
    case 'convergence':
      return sendJson(response, { kind: 'Convergence', apiVersion: API_VERSION, ...backend.convergence() });
  }
}
