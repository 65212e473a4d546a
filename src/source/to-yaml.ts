import { dump } from 'js-yaml';

/** Block style, one document, nothing folded: what goes out can be read back, by us and by `kubectl`. */
export const toYaml = (value: unknown): string => dump(value, { noRefs: true, lineWidth: -1 });
