/** Locally administered, and what Kubernetes' own networks put before an IPv4 address. */
const MAC_PREFIX = '0a:58';

/**
 * What pins one attachment to an address. The hardware address goes with it: the next container on the address answers
 * to the one that its callers remember, or they would send into the void until they ask again (a minute, measured).
 */
export function staticAddress(ip: string | undefined): { static_ips?: [string]; static_mac?: string } {
  if (ip === undefined) return {};
  const octets = ip.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return { static_ips: [ip], static_mac: [MAC_PREFIX, ...octets].join(':') };
}
