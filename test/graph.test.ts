import { describe, expect, test } from 'vitest';
import { kinds } from '../src/api/kinds.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { dependencyGraph, startOrder } from '../src/plan/graph.ts';
import { phraseOf, subjectOf } from '../src/plan/operation.ts';
import { agentManifest, NAMESPACE } from './fakes/simulated-host.ts';

const id = (name: string): KeyString => keyString(agentKey(NAMESPACE, name));

function agent(name: string, spec: object, namespace = NAMESPACE): [KeyString, DesiredObject] {
  const manifest = kinds.Agent.schema.parse({ ...agentManifest(name, spec), metadata: { name, namespace } });
  const key = agentKey(namespace, name);
  const position = { file: 'x', line: 1, column: 1 };
  const inputs = { paths: {}, digests: {}, baseImages: [] };
  return [keyString(key), { key, manifest, position, specHash: name, inputs }];
}

describe('the graph of the agents', () => {
  const graphOf = () =>
    dependencyGraph({
      objects: new Map([
        agent('twin', { layer: 0 }),
        agent('extra', { layer: 0, required: false }),
        agent('model', { layer: 1, dependsOn: [{ name: 'twin' }, { name: 'extra', condition: 'Started' }] }),
        agent('guest', { layer: 1, required: false, dependsOn: [{ name: 'nobody' }] }),
        agent('apex', { layer: 2 }),
        agent('twin', { layer: 0, required: false }, 'elsewhere'),
        agent('stranger', { layer: 0 }, 'elsewhere'),
      ]),
    });

  test('has an edge for each dependency, and one for each required agent of a lower layer', () => {
    const { gates } = graphOf();
    expect(gates.get(id('model'))).toEqual([
      { on: id('twin'), condition: 'Healthy', from: 'dependsOn', optional: false },
      { on: id('extra'), condition: 'Started', from: 'dependsOn', optional: true },
    ]);
    expect(gates.get(id('apex'))).toEqual([
      { on: id('twin'), condition: 'Healthy', from: 'layer', optional: false },
      { on: id('model'), condition: 'Healthy', from: 'layer', optional: false },
    ]);
  });

  test('knows no layers for an agent that is not required', () => {
    expect(graphOf().gates.get(id('guest'))).toEqual([
      { on: id('nobody'), condition: 'Healthy', from: 'dependsOn', optional: false },
    ]);
  });

  test('tells who waits for whom', () => {
    const { dependents } = graphOf();
    expect(dependents.get(id('twin'))).toEqual([id('model'), id('apex')]);
    expect(dependents.get(id('extra'))).toEqual([id('model')]);
    expect(dependents.get(id('apex'))).toBeUndefined();
  });

  test('starts dependencies first, by name within a rank, and leaves out what is not there', () => {
    const elsewhere = ['stranger', 'twin'].map((name) => keyString(agentKey('elsewhere', name)));
    const here = ['twin', 'extra', 'model', 'apex', 'guest'].map(id);
    expect(startOrder(graphOf())).toEqual([...elsewhere, ...here]);
  });
});

describe('a call in words', () => {
  const port = { containerPort: 1, hostPort: 80, hostIP: '127.0.0.1', protocol: 'tcp' as const };
  const build = { type: 'BuildImage', contextDir: '/ctx', containerfile: 'C', args: {}, labels: {} } as const;
  test.each([
    [{ type: 'PullImage', reference: 'a:1' } as const, 'pull image a:1'],
    [{ type: 'TagImage', id: 'x', reference: 'a:2' } as const, 'tag image a:2'],
    [{ ...build, tags: ['t:1'] }, 'build image t:1'],
    [{ ...build, tags: [] }, 'build image /ctx'],
    [{ type: 'CheckPort', port, mayListen: [] } as const, 'check port 127.0.0.1:80/tcp'],
    [{ type: 'RemoveVolume', name: 'v' } as const, 'remove volume v'],
  ])('%j', (call, phrase) => {
    expect(phraseOf(call)).toBe(phrase);
    expect(phrase).toContain(subjectOf(call));
  });
});
