import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A directory with a work tree's top, manifests in `manifests/`, gone when the test is over. */
export interface ManifestTree {
  readonly top: string;
  readonly manifests: string;
  write(path: string, text: string | Uint8Array): string;
  remove(path: string): void;
  path(path: string): string;
  dispose(): void;
}

export function createManifestTree(): ManifestTree {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'rookery-test-')));
  const path = (relative: string): string => join(top, relative);
  mkdirSync(path('.git'));
  mkdirSync(path('manifests'));
  return {
    top,
    manifests: path('manifests'),
    path,
    write(relative, text) {
      mkdirSync(dirname(path(relative)), { recursive: true });
      writeFileSync(path(relative), text);
      return path(relative);
    },
    remove: (relative) => rmSync(path(relative), { recursive: true, force: true }),
    dispose: () => rmSync(top, { recursive: true, force: true }),
  };
}

export const agentYaml = (name: string, spec = ''): string => `apiVersion: rookery.dev/v1alpha1
kind: Agent
metadata: {name: ${name}}
spec:
  image: localhost/x:1
${spec}
`;
