import { badRequest } from './errors.ts';

/** `?watch`, `?watch=true`, `?watch=1`. Throws BadRequest for a word that is neither yes nor no. */
export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? 'false';
  if (['', 'true', '1'].includes(text)) return true;
  if (['false', '0'].includes(text)) return false;
  throw badRequest(`${name} "${text}" must be true or false`);
}

/** Throws BadRequest for anything but digits. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw badRequest(`${name} "${text}" must be a whole number`);
  return Number(text);
}
