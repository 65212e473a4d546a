type Options = Readonly<Record<string, string>>;

/** What a manifest's options would change, in words. Podman adds options of its own: those are not looked at. */
export const changedOptions = (live: Options, wanted: Options): string[] =>
  Object.entries(wanted)
    .filter(([name, value]) => live[name] !== value)
    .map(([name, value]) => `option ${name} ${live[name] ?? 'none'} → ${value}`);
