import { printable } from '../terminal.ts';

/** Any value for a script. */
export async function structured(value: unknown, format: string): Promise<string> {
  if (format === 'json') return printable(`${JSON.stringify(value, null, 2)}\n`);
  const { toYaml } = await import('../source/to-yaml.ts');
  return printable(toYaml(value));
}
