/** What names and namespaces are made of; apart from the schema, which takes 60 ms to load. */
export const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const DNS_LABEL_HINT =
  'must be an RFC 1123 label: lower case letters, digits and "-", starting and ending with a letter or digit';
export const LONGEST_DNS_LABEL = 63;

export const DEFAULT_NAMESPACE = 'default';
