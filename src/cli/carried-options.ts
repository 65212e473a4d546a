import { resolve } from 'node:path';
import { withoutUserinfo } from '../api/git-url.ts';
import type { Config } from '../config.ts';
import type { Credential } from '../systemd/unit.ts';
import type { Input } from './action.ts';
import type { OptionDefinition } from './option-definition.ts';
import { runOptions } from './run-options.ts';

interface Carried {
  readonly words: readonly string[];
  readonly credentials: readonly Credential[];
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that are not carried, because a unit is no place for a password. */
  readonly leftOut: readonly string[];
}

/**
 * What a unit's `run` must be told to see what this shell sees: every path absolute, and files with secrets as
 * credentials, which `run` finds by their names.
 */
export function carriedOptions(config: Config, options: Input['options'], cwd: string): Carried {
  const words = globalWords(config);
  const { namedAgeIdentityFile: identity } = config;
  const credentials: Credential[] = identity === undefined ? [] : [{ name: 'age-identity', path: identity }];
  for (const definition of runOptions) {
    const { name, placeholder } = partsOf(definition);
    const values = valuesOf(options[camelCase(name)]);
    for (const value of values) {
      const path = resolve(cwd, value);
      if (definition.credential !== undefined) credentials.push({ name: definition.credential, path });
      else if (placeholder === undefined) words.push(`--${name}`);
      else words.push(`--${name}`, placeholder === 'file' ? path : value);
    }
  }
  return { words, credentials, ...gitEnvironment(config) };
}

/** Of this session, or of the manager's own choice. */
const NOT_CARRIED: ReadonlySet<string> = new Set(['PATH', 'SSH_AUTH_SOCK']);

/** What git needs to reach its remote from here: a proxy, the certificate of a private authority. */
function gitEnvironment({ git }: Config): Pick<Carried, 'environment' | 'leftOut'> {
  const variables = Object.entries(git?.environment ?? {}).filter(([name]) => !NOT_CARRIED.has(name));
  const holdsPassword = ([, value]: [string, string]): boolean => withoutUserinfo(value) !== value;
  return {
    environment: Object.fromEntries(variables.filter((one) => !holdsPassword(one))),
    leftOut: variables.filter(holdsPassword).map(([name]) => name),
  };
}

function globalWords(config: Config): string[] {
  const { git, manifestsDir, stateDir, apiSocketPath, podmanSockets, roots, logLevel } = config;
  const [socket, another] = podmanSockets;
  return [
    ...(git === undefined ? ['--manifests', manifestsDir] : []),
    '--state-dir',
    stateDir,
    '--api-socket',
    apiSocketPath,
    ...(socket !== undefined && another === undefined ? ['--socket', socket] : []),
    ...roots.flatMap((root) => ['--root', root]),
    ...(logLevel === 'info' ? [] : ['--log-level', logLevel]),
  ];
}

function partsOf({ flags }: OptionDefinition): { readonly name: string; readonly placeholder?: string } {
  const [, name = '', placeholder] = /--([\w-]+)(?: <(\w+)>)?$/.exec(flags) ?? [];
  return { name, ...(placeholder !== undefined && { placeholder }) };
}

function valuesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.map(String);
  if (value === true) return ['true'];
  return typeof value === 'string' ? [value] : [];
}

const camelCase = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
