import { expect, test } from 'vitest';
import { createContainerIndex } from '../src/podman/container-index.ts';
import { containerOf, A } from './fakes/agent-views.ts';

test('a name that led to a container is not forgotten when the look at another one fails', async () => {
  const index = createContainerIndex();
  const [one, other] = [
    { ...containerOf(A, 1), id: 'a'.repeat(64), name: 'one' },
    { ...containerOf(A, 2), id: 'b'.repeat(64), name: 'other' },
  ];
  for (const { name } of [one, other]) index.add('Agent/n/a', name);
  let isOtherLost = true;
  const look = async (reference: string) => {
    if (reference === one.name || reference === one.id) return one;
    await Promise.resolve();
    if (isOtherLost) throw new Error('the answer is lost');
    return other;
  };
  await expect(index.inspect('Agent/n/a', look)).rejects.toThrow('lost');
  isOtherLost = false;
  const { containers } = await index.inspect('Agent/n/a', look);
  expect(containers.map(({ name }) => name).sort()).toEqual(['one', 'other']);
});
