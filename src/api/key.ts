/** Identity of an object: all that a work queue carries. Never the path of the file it came from. */
export interface ObjectKey {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** `Agent/ai-system/coordinator`: the one text form of a key, usable as a map key and in logs. */
export type KeyString = `${string}/${string}/${string}`;

export const keyString = (key: ObjectKey): KeyString => `${key.kind}/${key.namespace}/${key.name}`;

export function parseKey(text: KeyString): ObjectKey {
  const [kind = '', namespace = '', name = ''] = text.split('/');
  return { kind, namespace, name };
}

export const agentKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Agent', namespace, name });
