const REDACTED = '[redacted]';
/** Shorter ones would blot out half of every message. */
const SHORTEST_VALUE = 4;

/** A text without the values of secrets, for those outside. */
export const withoutValues = (text: string, values: readonly string[]): string =>
  values
    .filter((value) => value.length >= SHORTEST_VALUE)
    .sort((left, right) => right.length - left.length)
    .reduce((safe, value) => safe.replaceAll(value, REDACTED), text);
/** Deeper than anything that is logged; what lies below is left out, not shown. */
const DEEPEST = 8;

const SENSITIVE_FIELD = /^(proxy-)?authorization$|^(set-)?cookie$|^(password|passwd|token|hmacKey)$/i;
const SENSITIVE_VARIABLE = /token|secret|passw|credential|(^|_)(key|auth)($|_)|apikey/i;

/**
 * What may be logged of a value: without the data of Secrets, credentials of requests, and environment variables that
 * by their name hold a secret. A copy; errors stay as they are.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth > DEEPEST) return '[too deep]';
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const isSecret = 'kind' in value && value.kind === 'Secret';
  const entries = Object.entries(value).map(([name, item]) => {
    if (SENSITIVE_FIELD.test(name)) return [name, REDACTED];
    if (name === 'stringData' || (isSecret && name === 'data')) return [name, hide(item)];
    if (name === 'env') return [name, redactEnvironment(item, depth + 1)];
    return [name, redact(item, depth + 1)];
  });
  return Object.fromEntries(entries);
}

/** Keys stay readable: which entries a Secret has is no secret. */
function hide(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return REDACTED;
  return Object.fromEntries(Object.keys(value).map((name) => [name, REDACTED]));
}

/** Both shapes: a manifest's list of `{name, value}` and Podman's `{NAME: value}` or `["NAME=value"]`. */
function redactEnvironment(env: unknown, depth: number): unknown {
  if (Array.isArray(env)) return env.map((entry) => redactVariable(entry, depth));
  if (typeof env !== 'object' || env === null) return redact(env, depth);
  const entries = Object.entries(env).map(([name, value]) => [
    name,
    SENSITIVE_VARIABLE.test(name) ? REDACTED : redact(value, depth),
  ]);
  return Object.fromEntries(entries);
}

function redactVariable(entry: unknown, depth: number): unknown {
  if (typeof entry === 'string') {
    const [name = ''] = entry.split('=', 1);
    return SENSITIVE_VARIABLE.test(name) ? `${name}=${REDACTED}` : entry;
  }
  if (typeof entry !== 'object' || entry === null || !('name' in entry) || !('value' in entry)) {
    return redact(entry, depth);
  }
  return SENSITIVE_VARIABLE.test(String(entry.name)) ? { ...entry, value: REDACTED } : entry;
}
