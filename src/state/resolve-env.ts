import type { ConfigMap, Secret } from '../api/resources.ts';
import { keyString } from '../api/key.ts';
import type { EnvFromSource, EnvVar } from '../api/workload.ts';
import type { DesiredObject } from './desired.ts';
import { secretName } from './names.ts';
import { ownEntry } from './own-entry.ts';
import { type Resolver, reportMissing } from './resolver.ts';
import type { ContainerTemplate } from './template.ts';

/** By name; a map, because a variable may be called `__proto__`. */
type Environment = Map<string, { readonly value: string } | { readonly secret: string }>;

/** Later wins, as in Kubernetes: `envFrom` in order, then `env`. */
export function resolveEnv(resolver: Resolver): Pick<ContainerTemplate, 'env' | 'secretEnv'> {
  const environment: Environment = new Map();
  const { env, envFrom } = resolver.agent.manifest.spec;
  for (const source of envFrom) addSource(resolver, environment, source);
  for (const variable of env) addVariable(resolver, environment, variable);
  const all = [...environment];
  return {
    env: Object.fromEntries(all.flatMap(([name, of]) => ('value' in of ? [[name, of.value]] : []))),
    secretEnv: Object.fromEntries(all.flatMap(([name, of]) => ('secret' in of ? [[name, of.secret]] : []))),
  };
}

function addSource(resolver: Resolver, environment: Environment, source: EnvFromSource): void {
  const prefix = source.prefix ?? '';
  if (source.configMapRef) {
    const { name, optional } = source.configMapRef;
    const data = findObject<ConfigMap>(resolver, 'ConfigMap', name, optional)?.manifest.data ?? {};
    for (const [key, value] of Object.entries(data)) environment.set(prefix + key, { value });
  }
  if (source.secretRef) {
    const { name, optional } = source.secretRef;
    const object = findObject<Secret>(resolver, 'Secret', name, optional);
    if (!object) return;
    for (const key of Object.keys(secretData(object.manifest))) {
      environment.set(prefix + key, { secret: podmanSecret(resolver, object, key) });
    }
  }
}

function addVariable(resolver: Resolver, environment: Environment, variable: EnvVar): void {
  const { configMapKeyRef, secretKeyRef } = variable.valueFrom ?? {};
  if (configMapKeyRef) {
    const { name, key, optional } = configMapKeyRef;
    const data = findObject<ConfigMap>(resolver, 'ConfigMap', name, optional)?.manifest.data ?? {};
    const value = ownEntry(data, key);
    if (value !== undefined) environment.set(variable.name, { value });
    else if (!optional) missingKey(resolver, 'ConfigMap', name, key);
    return;
  }
  if (!secretKeyRef) return void environment.set(variable.name, { value: variable.value ?? '' });
  const { name, key, optional } = secretKeyRef;
  const object = findObject<Secret>(resolver, 'Secret', name, optional);
  if (object && Object.hasOwn(secretData(object.manifest), key)) {
    environment.set(variable.name, { secret: podmanSecret(resolver, object, key) });
  } else if (!optional) missingKey(resolver, 'Secret', name, key);
}

export function findObject<M extends ConfigMap | Secret>(
  resolver: Resolver,
  kind: M['kind'],
  name: string,
  optional: boolean,
): DesiredObject<M> | undefined {
  const key = keyString({ kind, namespace: resolver.agent.key.namespace, name });
  const object = resolver.objects.get(key) as DesiredObject<M> | undefined;
  const ready = resolver.provisions.get(key)?.ready === true;
  if (object && ready) return object;
  if (object || !optional) reportMissing(resolver, kind, name);
  return undefined;
}

export function missingKey(resolver: Resolver, kind: string, name: string, key: string): void {
  const told = [`${kind} ${name} `, `${kind} ${name}:`];
  if (resolver.missing.some(({ message }) => told.some((start) => message.startsWith(start)))) return;
  if (!resolver.objects.has(keyString({ kind, namespace: resolver.agent.key.namespace, name }))) return;
  resolver.missing.push({
    reason: 'MissingKey',
    message: `${kind} ${name} has no key "${key}"; add it or mark the reference optional`,
    terminal: true,
  });
}

/** The bytes of every entry; `stringData` wins over `data`, as in Kubernetes. */
export function secretData(manifest: Secret): Record<string, Uint8Array> {
  const decoded = Object.entries(manifest.data).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  );
  const plain = Object.entries(manifest.stringData).map(([key, value]) => [key, Buffer.from(value)] as const);
  return Object.fromEntries([...decoded, ...plain]);
}

export function podmanSecret(resolver: Resolver, object: DesiredObject<Secret>, entry: string): string {
  const value = ownEntry(secretData(object.manifest), entry) ?? new Uint8Array();
  return secretName(resolver.installation, object.key, entry, value);
}
