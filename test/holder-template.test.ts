import { describe, expect, test } from 'vitest';
import type { Agent, AgentSpec } from '../src/api/agent.ts';
import { kinds } from '../src/api/kinds.ts';
import { HOLDER_ANNOTATION } from '../src/api/labels.ts';
import { canonicalJson } from '../src/state/canonical.ts';
import { hasHolder, holderTemplateOf, isNameless, splitHolder } from '../src/state/holder.ts';
import type { ContainerTemplate, HolderTemplate } from '../src/state/template.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const port = { containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1', protocol: 'tcp' as const };
const { spec } = kinds.Agent.schema.parse(agentManifest('twin')) as Agent;

describe('who has a holder', () => {
  test.each<[string, Partial<AgentSpec>, boolean]>([
    ['one that is replaced in place', {}, false],
    ['old and new side by side', { rollout: { ...spec.rollout, strategy: 'BlueGreen' } }, true],
    ['a canary', { rollout: { ...spec.rollout, strategy: 'Canary' } }, true],
    ['several of one kind', { replicas: 2 }, true],
    ['on the network of the host there is no name to hold', { replicas: 2, hostNetwork: true }, false],
    ['a pod has the name', { replicas: 2, podGroup: 'core' }, false],
  ])('%s', (_, change, expected) => {
    expect(hasHolder({ ...spec, ...change })).toBe(expected);
  });
});

describe('what a container would have alone', () => {
  test('goes to the holder: names, addresses, ports, and the name of the host', () => {
    const whole = aTemplate({ hostname: 'twin', ports: [port], env: { A: '1' } });
    const { hostname: _, ...rest } = whole;
    expect(splitHolder(whole)).toEqual({
      template: {
        ...rest,
        ports: [],
        network: { mode: 'bridge', networks: [{ name: 'ns.default', aliases: [] }] },
      },
      holder: { networks: [{ name: 'ns.default', ip: '10.0.0.9', aliases: ['twin'] }], ports: [port] },
    });
  });

  test('stays where there is no network of its own', () => {
    const whole = aTemplate({ hostname: 'twin', network: { mode: 'host' } });
    expect(splitHolder(whole)).toEqual({ template: whole });
  });
});

test.each<[string, ContainerTemplate['network'], boolean]>([
  ['an address that Podman chose', { mode: 'bridge', networks: [{ name: 'a', aliases: [] }] }, true],
  ['one of its own', { mode: 'bridge', networks: [{ name: 'a', ip: '10.0.0.2', aliases: [] }] }, false],
  [
    'one of its own on one of two networks',
    {
      mode: 'bridge',
      networks: [
        { name: 'a', aliases: [] },
        { name: 'b', ip: '10.0.0.2', aliases: [] },
      ],
    },
    false,
  ],
  ['the network of the host', { mode: 'host' }, false],
])('with %s a container is nameless: %s, %s', (_, network, expected) => {
  expect(isNameless(aTemplate({ network }))).toBe(expected);
});

describe('what a holder says that it was made from', () => {
  const said = (text: string | undefined) =>
    holderTemplateOf(
      aContainer('', 0, { annotations: text === undefined ? {} : { [HOLDER_ANNOTATION]: text } }),
    );
  const made: HolderTemplate = {
    networks: [
      { name: 'ns.default', ip: '10.0.0.250', aliases: ['twin'] },
      { name: 'ns.side', aliases: [] },
    ],
    ports: [],
  };

  test('comes back as it was, what is empty too', () => {
    expect(said(canonicalJson(made))).toEqual(made);
    expect(said(canonicalJson({ ...made, ports: [port] }))).toEqual({ ...made, ports: [port] });
  });

  test.each([
    ['nothing', undefined],
    ['no networks', '{"ports":[]}'],
    ['no JSON', '{'],
  ])('is not known from %s', (_, text) => {
    expect(said(text)).toBeUndefined();
  });
});
