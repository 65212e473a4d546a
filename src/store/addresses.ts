import { type Document, type DocumentOptions, loadDocument } from './document.ts';
import { isObject, type Reading } from './envelope.ts';

/** Network → object → address. */
export type AddressBook = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The address that an object keeps on a network for as long as it exists, whatever container it runs in. */
export interface Addresses {
  get(network: string, object: string): string | undefined;
  all(): AddressBook;
  /**
   * The address it has, or the one that `choose` picks; `choose` sees every address taken on the network, also by
   * calls that are still under way. Throws when it picks one of those.
   */
  ensure(network: string, object: string, choose: (taken: ReadonlySet<string>) => string): Promise<string>;
  /** Gives all addresses of the object back. */
  release(object: string): Promise<void>;
}

export async function loadAddresses(reading: Omit<Reading<AddressBook>, 'isValid'>): Promise<Addresses> {
  const options: DocumentOptions<AddressBook> = {
    ...reading,
    isValid: isAddressBook,
    initial: {},
    durability: 'Durable',
  };
  const book: Document<AddressBook> = await loadDocument('addresses.json', options);
  const get = (network: string, object: string): string | undefined => book.get()[network]?.[object];

  return {
    get,
    all: book.get,
    ensure: async (network, object, choose) => {
      const known = get(network, object);
      if (known !== undefined) return known;
      const after = await book.update((current) => assign(current, { network, object, choose }));
      return after[network]?.[object] as string;
    },
    release: async (object) => {
      await book.update((current) => without(current, object));
    },
  };
}

interface Wish {
  readonly network: string;
  readonly object: string;
  readonly choose: (taken: ReadonlySet<string>) => string;
}

function assign(book: AddressBook, { network, object, choose }: Wish): AddressBook {
  const onNetwork = book[network] ?? {};
  if (onNetwork[object] !== undefined) return book;
  const taken = new Set(Object.values(onNetwork));
  const address = choose(taken);
  if (taken.has(address)) throw new Error(`address ${address} on network ${network} is taken`);
  return { ...book, [network]: { ...onNetwork, [object]: address } };
}

function without(book: AddressBook, object: string): AddressBook {
  const remaining = Object.entries(book).map(([network, { [object]: _gone, ...others }]) => [
    network,
    others,
  ]);
  return Object.fromEntries(remaining.filter(([, others]) => Object.keys(others as object).length > 0));
}

const isAddressBook = (value: unknown): value is AddressBook =>
  isObject(value) &&
  Object.values(value).every(
    (objects) => isObject(objects) && Object.values(objects).every((ip) => typeof ip === 'string'),
  );
