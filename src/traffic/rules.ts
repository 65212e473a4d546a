import { createHash } from 'node:crypto';

/** What a holder does with what comes to its addresses. */
export interface Route {
  /** Its own addresses. */
  readonly from: readonly string[];
  /** Who answers; nobody: connections are refused. */
  readonly to: readonly string[];
}

const TABLE = 'rookery';
/** Read back to learn the route: it is set in the same transaction as the rules. */
const TARGETS = 'targets';
const ZONES = 65_535;

/**
 * The whole table anew, one transaction for `nft -f`. Local output has the rules too: rootless Podman's port forwarder
 * connects from inside the namespace.
 */
export function rulesetOf({ from, to }: Route): string {
  const sorted = [...to].sort();
  return `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  set ${TARGETS} {
    type ipv4_addr
${sorted.length === 0 ? '' : `    elements = { ${sorted.join(', ')} }\n`}  }
${from.length === 0 || sorted.length === 0 ? '' : chains(from, sorted)}}
`;
}

function chains(from: readonly string[], to: readonly string[]): string {
  const here = `ip daddr { ${from.join(', ')} }`;
  // Datagrams have no connection that could stay with the old one: another zone for each route, and every sender is
  // tracked anew, while answers that are on their way still find theirs.
  const zone = `${here} meta l4proto udp ct original zone set ${zoneOf(to)}`;
  const forward = `${here} meta l4proto { tcp, udp } dnat to ${destination(to)}`;
  return `  chain zone-in { type filter hook prerouting priority -300; ${zone}; }
  chain zone-out { type filter hook output priority -300; ${zone}; }
  chain in { type nat hook prerouting priority -100; ${forward}; }
  chain out { type nat hook output priority -100; ${forward}; }
  chain back { type nat hook postrouting priority 100; ct status dnat masquerade; }
`;
}

/** One after the other, connection by connection. */
const destination = (to: readonly string[]): string =>
  to.length === 1
    ? String(to[0])
    : `numgen inc mod ${to.length} map { ${to.map((address, index) => `${index} : ${address}`).join(', ')} }`;

/** The same route is the same zone: back at the old one, its senders are known. */
const zoneOf = (to: readonly string[]): number =>
  1 + (createHash('sha256').update(to.join()).digest().readUInt32BE() % ZONES);

interface Listing {
  readonly nftables?: readonly {
    readonly set?: { readonly table?: string; readonly name?: string; readonly elem?: readonly unknown[] };
  }[];
}

/** The targets in the JSON of `nft -j list ruleset`; none when the rules are not there. */
export function targetsIn(json: string): string[] {
  const { nftables = [] } = JSON.parse(json) as Listing;
  const found = nftables.find(({ set }) => set?.table === TABLE && set.name === TARGETS);
  return (found?.set?.elem ?? []).map(String).sort();
}
