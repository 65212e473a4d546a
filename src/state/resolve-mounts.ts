import type { ConfigMap, Secret } from '../api/resources.ts';
import { keyString } from '../api/key.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { VolumeMount, VolumeSource } from '../api/workload.ts';
import { ownEntry } from './own-entry.ts';
import { factsOf } from './provision.ts';
import { findObject, missingKey, podmanSecret, secretData } from './resolve-env.ts';
import { type Resolver, reportMissing } from './resolver.ts';
import type { Mount } from './template.ts';

const WORLD_WRITABLE = 0o1777;
const SECRET_FILE_MODE = 0o440;

export function resolveMounts(resolver: Resolver): Mount[] {
  const { volumes, volumeMounts: wanted, securityContext } = resolver.agent.manifest.spec;
  const mounts = wanted.flatMap((mount) => {
    const source = volumes.find((volume) => volume.name === mount.name);
    return source ? resolveMount(resolver, mount, source) : [];
  });
  return securityContext.readOnlyRootFilesystem ? [...mounts, ...scratch(mounts)] : mounts;
}

/** What nearly every program writes to: a read-only root file system is useless without it. */
const scratch = (mounts: readonly Mount[]): Mount[] =>
  ['/tmp', '/run']
    .filter((target) => !mounts.some((mount) => mount.target === target))
    .map((target) => ({ type: 'tmpfs', target, mode: WORLD_WRITABLE }));

function resolveMount(resolver: Resolver, mount: VolumeMount, source: VolumeSource): Mount[] {
  if (source.volume) return volumeMounts(resolver, mount, source.volume.claimName);
  if (source.configMap) return configMapMounts(resolver, mount, source.configMap);
  if (source.secret) return secretMounts(resolver, mount, source.secret);
  if (source.hostPath) return hostPathMounts(resolver, mount, source.hostPath);
  const sizeLimit = source.emptyDir?.sizeLimit;
  const size = sizeLimit === undefined ? {} : { sizeBytes: Math.floor(parseQuantity(sizeLimit)) };
  return [{ type: 'tmpfs', target: mount.mountPath, mode: WORLD_WRITABLE, ...size }];
}

function volumeMounts(resolver: Resolver, mount: VolumeMount, claimName: string): Mount[] {
  const key = keyString({ kind: 'Volume', namespace: resolver.agent.key.namespace, name: claimName });
  const facts = factsOf(resolver.provisions, key, 'Volume');
  if (!facts) {
    reportMissing(resolver, 'Volume', claimName);
    return [];
  }
  const { mountPath: target, readOnly, subPath } = mount;
  return [{ type: 'volume', name: facts.podmanName, target, readOnly, ...(subPath && { subPath }) }];
}

type ConfigMapSource = NonNullable<VolumeSource['configMap']>;
type SecretSource = NonNullable<VolumeSource['secret']>;

function configMapMounts(resolver: Resolver, mount: VolumeMount, { name, items }: ConfigMapSource): Mount[] {
  const object = findObject<ConfigMap>(resolver, 'ConfigMap', name, false);
  const facts = object && factsOf(resolver.provisions, keyString(object.key), 'ConfigMap');
  if (!object || !facts) return [];
  const reloads = resolver.agent.manifest.spec.reload !== undefined;
  const directory = reloads ? facts.liveDirectory : facts.directory;
  const bind = (source: string, target: string): Mount => ({
    type: 'bind',
    source,
    target,
    readOnly: true,
    ...(!reloads && { contentDigest: facts.digest }),
  });
  if (mount.subPath) return [bind(`${directory}/${mount.subPath}`, mount.mountPath)];
  if (!items) return [bind(directory, mount.mountPath)];
  return items.flatMap(({ key, path }) => {
    const { data, binaryData } = object.manifest;
    if (Object.hasOwn(data, key) || Object.hasOwn(binaryData, key)) {
      return [bind(`${directory}/${key}`, `${mount.mountPath}/${path}`)];
    }
    missingKey(resolver, 'ConfigMap', name, key);
    return [];
  });
}

function secretMounts(resolver: Resolver, mount: VolumeMount, source: SecretSource): Mount[] {
  const object = findObject<Secret>(resolver, 'Secret', source.secretName, false);
  if (!object) return [];
  const data = secretData(object.manifest);
  const items = source.items ?? Object.keys(data).map((key) => ({ key, path: key }));
  const { runAsUser = 0, fsGroup, runAsGroup = 0 } = resolver.agent.manifest.spec.securityContext;
  return items.flatMap(({ key, path }): Mount[] => {
    if (!Object.hasOwn(data, key)) {
      missingKey(resolver, 'Secret', source.secretName, key);
      return [];
    }
    if (mount.subPath && mount.subPath !== key) return [];
    return [
      {
        type: 'secret',
        secret: podmanSecret(resolver, object, key),
        target: mount.subPath ? mount.mountPath : `${mount.mountPath}/${path}`,
        mode: source.defaultMode ?? SECRET_FILE_MODE,
        uid: runAsUser,
        gid: fsGroup ?? runAsGroup,
      },
    ];
  });
}

type HostPathSource = NonNullable<VolumeSource['hostPath']>;

function hostPathMounts(resolver: Resolver, mount: VolumeMount, { path, type }: HostPathSource): Mount[] {
  const { paths, digests } = resolver.agent.inputs;
  const source = ownEntry(paths, path);
  if (source === undefined) {
    const message = `hostPath ${path} could not be resolved`;
    resolver.missing.push({ reason: 'PathNotAllowed', message, terminal: true });
    return [];
  }
  const digest = resolver.agent.manifest.spec.reload === undefined ? ownEntry(digests, path) : undefined;
  const bind: Mount = {
    type: 'bind',
    source,
    target: mount.mountPath,
    readOnly: mount.readOnly,
    ...(type === 'DirectoryOrCreate' && { create: true }),
  };
  return [digest === undefined ? bind : { ...bind, contentDigest: digest }];
}
