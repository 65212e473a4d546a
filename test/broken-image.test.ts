import { expect, test } from 'vitest';
import { findBrokenImage } from '../src/podman/broken-image.ts';
import { errorOfReply } from '../src/podman/cause.ts';
import type { Dial } from '../src/podman/dial.ts';

const ID = 'ab'.repeat(32);
/** As 4.3.1 says it. */
const REFUSED = JSON.stringify({
  cause: 'file does not exist',
  message: `locating item named "manifest" for image with ID "${ID}" (consider removing the image to resolve the issue): file does not exist`,
  response: 500,
});
const treeWith = (tags: string): object => ({
  Tree: `Image ID: ${ID.slice(0, 12)}\nTags:     [${tags}]\nSize:     2.136MB\nImage Layers\n├── ID: e27546b92bbc Size: 2.127MB Top Layer of: [localhost/busybox:1]\n`,
});

function dialTo(list: unknown, tree?: object): Dial {
  const call: Dial['call'] = async ({ path, query, what }) => {
    const body =
      path === '/images/json' && query?.['all'] === true
        ? list
        : path === `/images/${ID}/tree`
          ? tree
          : undefined;
    if (typeof body === 'string') throw errorOfReply(500, body, what);
    return { statusCode: 200, headers: {}, body: body as never };
  };
  return { call } as Dial;
}

test.each([
  ['Podman lists its images', dialTo([]), undefined],
  ['something else is wrong', dialTo('{"message": "database is locked"}'), undefined],
  ['one was left half written', dialTo(REFUSED, treeWith('')), ID],
  ['the broken one has a name', dialTo(REFUSED, treeWith('localhost/mine:1')), undefined],
])('%s', async (_what, dial, expected) => {
  expect(await findBrokenImage(dial)).toBe(expected);
});
