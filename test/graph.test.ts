import { describe, expect, test } from 'vitest';
import { kinds } from '../src/api/kinds.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { dependencyGraph, startOrder } from '../src/plan/graph.ts';
import { phraseOf, subjectOf } from '../src/plan/operation.ts';
import { agentManifest, NAMESPACE } from './fakes/simulated-host.ts';

const id = (name: string): KeyString => keyString(agentKey(NAMESPACE, name));

function graphOf(specs: Readonly<Record<string, object>>) {
  const objects = Object.entries(specs).map(([name, spec]): [KeyString, DesiredObject] => {
    const manifest = kinds.Agent.schema.parse(agentManifest(name, spec));
    const position = { file: 'x', line: 1, column: 1 };
    const inputs = { paths: {}, digests: {}, baseImages: [] };
    return [id(name), { key: agentKey(NAMESPACE, name), manifest, position, specHash: name, inputs }];
  });
  return dependencyGraph({ objects: new Map(objects) });
}

describe('the graph of the agents', () => {
  const graph = graphOf({
    twin: { layer: 0 },
    extra: { layer: 0, required: false },
    model: { layer: 1, dependsOn: [{ name: 'twin' }, { name: 'extra', condition: 'Started' }] },
    guest: { layer: 1, required: false, dependsOn: [{ name: 'nobody' }] },
    apex: { layer: 2 },
  });

  test('has an edge for each dependency, and one for each required agent of a lower layer', () => {
    expect(graph.gates.get(id('model'))).toEqual([
      { on: id('twin'), condition: 'Healthy', from: 'dependsOn', optional: false },
      { on: id('extra'), condition: 'Started', from: 'dependsOn', optional: true },
    ]);
    expect(graph.gates.get(id('apex'))?.map(({ on, from }) => `${on} ${from}`)).toEqual([
      `${id('twin')} layer`,
      `${id('model')} layer`,
    ]);
  });

  test('knows no layers for an agent that is not required', () => {
    expect(graph.gates.get(id('guest'))?.map(({ on }) => on)).toEqual([id('nobody')]);
  });

  test('tells who waits for whom', () => {
    expect(graph.dependents.get(id('twin'))).toEqual([id('model'), id('apex')]);
  });

  test('starts dependencies first, by name within a rank, and leaves out what is not there', () => {
    expect(startOrder(graph)).toEqual(['twin', 'extra', 'model', 'apex', 'guest'].map(id));
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
    [{ type: 'CheckPort', port } as const, 'check port 127.0.0.1:80/tcp'],
    [{ type: 'RemoveVolume', name: 'v' } as const, 'remove volume v'],
  ])('%j', (call, phrase) => {
    expect(phraseOf(call)).toBe(phrase);
    expect(phrase).toContain(subjectOf(call));
  });
});
