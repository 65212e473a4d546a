import { kinds } from '../api/kinds.ts';
import { API_VERSION } from '../api/meta.ts';
import { CORE_PATH, EVENTS, GROUP_PATH, kindsBelow, SUBRESOURCES, type Subresource } from './route.ts';

/** What clients ask first: which groups, versions and kinds are here. `undefined` for a path that is none of these. */
export function discoveryAt(path: string): object | undefined {
  switch (path) {
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };
    case '/apis/rookery.dev':
      return { kind: 'APIGroup', apiVersion: 'v1', ...group };
    case GROUP_PATH:
      return resourceList(API_VERSION, [
        ...kindsBelow(GROUP_PATH).map(resourceOf),
        ...SUBRESOURCES.map(subresourceOf),
      ]);
    case CORE_PATH:
      return resourceList('v1', [
        ...[...kindsBelow(CORE_PATH), EVENTS].map(resourceOf),
        { name: 'pods/log', singularName: '', namespaced: true, kind: 'Pod', verbs: ['get'] },
      ]);
    default:
      return undefined;
  }
}

const version = { groupVersion: API_VERSION, version: API_VERSION.split('/')[1] };
const group = { name: 'rookery.dev', versions: [version], preferredVersion: version };

const resourceList = (groupVersion: string, resources: readonly object[]): object => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources,
});

const subresourceOf = ({ resource, subresource }: Subresource): object => ({
  name: `${kinds[resource].plural}/${subresource}`,
  singularName: '',
  namespaced: true,
  kind: resource,
  verbs: ['create'],
});

interface Named {
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
}

const resourceOf = ({ kind, plural, singular, shortNames }: Named): object => ({
  name: plural,
  singularName: singular,
  namespaced: true,
  kind,
  verbs: ['get', 'list', 'watch'],
  ...(shortNames.length > 0 && { shortNames }),
});
