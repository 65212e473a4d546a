import { TerminalError } from '../api/errors.ts';

const toNumber = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toText = (value: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

/**
 * The next free IPv4 address of a subnet, counted down from its top: Podman gives out its own from the bottom.
 * @throws TerminalError when the subnet is full or not IPv4.
 */
export function chooseAddress(
  { cidr, gateway }: { readonly cidr: string; readonly gateway: string },
  taken: ReadonlySet<string>,
): string {
  const [base = '', bits = ''] = cidr.split('/');
  if (base.includes(':'))
    throw new TerminalError('UnsupportedSubnet', `${cidr}: stable addresses need an IPv4 subnet first`);
  const size = 2 ** (32 - Number(bits));
  const network = Math.floor(toNumber(base) / size) * size;
  for (let address = network + size - 2; address > network; address -= 1) {
    const text = toText(address);
    if (text !== gateway && !taken.has(text)) return text;
  }
  throw new TerminalError('NetworkFull', `no address is free in ${cidr}; use a larger subnet`);
}
