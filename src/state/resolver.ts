import type { Agent } from '../api/agent.ts';
import { type KeyString, keyString } from '../api/key.ts';
import type { DesiredObject, DesiredState } from './desired.ts';
import type { Installation } from './names.ts';
import type { Provisions } from './provision.ts';

/** All that an agent's references may point at. */
export interface ResolutionContext {
  readonly agent: DesiredObject<Agent>;
  readonly objects: DesiredState['objects'];
  readonly provisions: Provisions;
  readonly installation: Installation;
}

/** An input that is not there yet, or never will be. */
export interface MissingInput {
  readonly reason: string;
  readonly message: string;
  readonly terminal: boolean;
}

/** Collects what is missing, so that a person reads all of it at once. */
export interface Resolver extends ResolutionContext {
  readonly missing: MissingInput[];
}

/** Records that the object of this key is not ready and says why. */
export function reportMissing(resolver: Resolver, kind: string, name: string): void {
  const namespace = resolver.agent.key.namespace;
  const key: KeyString = keyString({ kind, namespace, name });
  const provision = resolver.provisions.get(key);
  if (provision && !provision.ready) {
    const message = `${kind} ${name}: ${provision.message}`;
    resolver.missing.push({ reason: provision.reason, message, terminal: provision.terminal });
    return;
  }
  const message = resolver.objects.has(key)
    ? `${kind} ${name} is not ready yet`
    : `there is no ${kind} ${name}`;
  resolver.missing.push({ reason: `${kind}NotReady`, message, terminal: false });
}
