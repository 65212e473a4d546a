import type * as z from 'zod';
import { isObject } from './one-of.ts';
import { checkSideBySide } from './side-by-side.ts';

/** What one field of an agent says about another; the spec may be wrong in parts, so nothing is taken for granted. */
export function checkAgent(spec: unknown, context: Pick<z.core.$RefinementCtx, 'addIssue'>): void {
  if (!isObject(spec)) return;
  const report: Report = (path, message) => context.addIssue({ code: 'custom', path: [...path], message });
  if (spec['runtime'] === 'Container' && spec['image'] === undefined && spec['build'] === undefined) {
    report(['image'], 'needs image or build');
  }
  checkMounts(spec, report);
  checkReload(spec, report);
  checkNetwork(spec, report);
  checkSideBySide(spec, report);
  for (const [list, field] of UNIQUE) reportTwice(spec, { list, field }, report);
  for (const name of PROBES) checkProbePort(spec, name, report);
}

type Report = (path: readonly (string | number)[], message: string) => void;
type Spec = Readonly<Record<string, unknown>>;

const UNIQUE = [
  ['dependsOn', 'name'],
  ['volumes', 'name'],
  ['volumeMounts', 'mountPath'],
  ['ports', 'name'],
] as const;
const PROBES = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;
const PORT_CHECKS = ['httpGet', 'tcpSocket', 'grpc', 'zmq'] as const;

const entriesOf = (spec: Spec, list: string): Spec[] => {
  const value = spec[list];
  return Array.isArray(value) ? value.map((entry) => (isObject(entry) ? entry : {})) : [];
};

function checkMounts(spec: Spec, report: Report): void {
  const declared = new Map(entriesOf(spec, 'volumes').map((volume) => [volume['name'], volume]));
  for (const [index, { name, subPath }] of entriesOf(spec, 'volumeMounts').entries()) {
    if (typeof name !== 'string') continue;
    const volume = declared.get(name);
    if (!volume) report(['volumeMounts', index, 'name'], `no volume "${name}" in spec.volumes`);
    else if (subPath !== undefined && volume['hostPath'] !== undefined) {
      report(
        ['volumeMounts', index, 'subPath'],
        'a hostPath has none; write the whole path in hostPath.path',
      );
    }
  }
}

/** A single file is bound to the contents it had at the start: only a whole directory shows what was swapped in it. */
function checkReload(spec: Spec, report: Report): void {
  if (!isObject(spec['reload'])) return;
  const advice = 'a reload would find the old file there; mount the whole ConfigMap, or leave reload out';
  const configMaps = entriesOf(spec, 'volumes').map(({ name, configMap }) => ({ name, configMap }));
  for (const [index, { configMap }] of configMaps.entries()) {
    if (isObject(configMap) && configMap['items'] !== undefined)
      report(['volumes', index, 'configMap', 'items'], advice);
  }
  for (const [index, { name, subPath }] of entriesOf(spec, 'volumeMounts').entries()) {
    const isConfigMap = configMaps.some((volume) => volume.name === name && isObject(volume.configMap));
    if (isConfigMap && subPath !== undefined) report(['volumeMounts', index, 'subPath'], advice);
  }
}

/** A pod group has the network, an agent in it has none of its own. */
function checkNetwork(spec: Spec, report: Report): void {
  const { podGroup, hostNetwork, networks } = spec;
  const hasNetworks = Array.isArray(networks) && networks.length > 0;
  if (hostNetwork === true && hasNetworks) report(['networks'], 'must not be there with hostNetwork');
  if (typeof podGroup !== 'string') return;
  const elsewhere = `belongs into the PodGroup "${podGroup}", whose network this agent shares`;
  if (hasNetworks) report(['networks'], elsewhere);
  if (hostNetwork === true) report(['hostNetwork'], elsewhere);
  for (const [index, { hostPort }] of entriesOf(spec, 'ports').entries()) {
    if (hostPort !== undefined) report(['ports', index, 'hostPort'], elsewhere);
  }
}

function reportTwice(spec: Spec, at: { list: string; field: string }, report: Report): void {
  const seen = new Set<string>();
  for (const [index, entry] of entriesOf(spec, at.list).entries()) {
    const value = entry[at.field];
    if (typeof value !== 'string') continue;
    if (seen.has(value)) report([at.list, index, at.field], `"${value}" is there twice`);
    seen.add(value);
  }
}

function checkProbePort(spec: Spec, probeName: string, report: Report): void {
  const probe = spec[probeName];
  if (!isObject(probe)) return;
  const names = new Set(entriesOf(spec, 'ports').map((port) => port['name']));
  for (const check of PORT_CHECKS) {
    const target = probe[check];
    const port = isObject(target) ? target['port'] : undefined;
    if (typeof port !== 'string' || names.has(port)) continue;
    report([probeName, check, 'port'], `no port is named "${port}" in spec.ports`);
  }
}
