/** What a map says of a name, and nothing that every object inherits: `constructor` is a name like any other. */
export const ownEntry = <T>(map: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(map, name) ? map[name] : undefined;
