import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandReference } from '../src/cli/reference.ts';
import { cli } from './fakes/cli.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rookery-offline-'));
  await writeFile(join(directory, 'good.yaml'), GOOD);
});
afterAll(() => rm(directory, { recursive: true }));

const agent = (name: string, spec: string): string =>
  `apiVersion: rookery.dev/v1alpha1\nkind: Agent\nmetadata: {name: ${name}, namespace: ai-system}\nspec:\n  image: localhost/a:1\n${spec}`;
const GOOD = [
  agent('twin', '  layer: 0\n'),
  agent('manager', '  dependsOn: [{name: twin}]\n'),
  agent('alone', ''),
  agent('got-tot', '  required: false\n  dependsOn: [{name: manager, condition: Started}]\n'),
].join('---\n');

describe('validate', () => {
  test('says that all is well', async () => {
    expect(await cli(['validate', directory])).toEqual({ code: 0, out: '4 objects, no errors\n', err: '' });
  });

  test('checks the manifests when no path is given', async () => {
    expect((await cli(['validate', '--manifests', directory])).out).toBe('4 objects, no errors\n');
  });

  test('shows every error where it is, and what was probably meant', async () => {
    const file = join(directory, 'bad.txt.yaml');
    await writeFile(file, agent('bad', '  imagge: x\n  layer: high\n'));
    const { code, out } = await cli(['validate', file]);
    await rm(file);
    expect(code).toBe(1);
    expect(out).toBe(`${file}:6:3: spec.imagge: unknown field (did you mean "image"?)
    6 |   imagge: x
          ^^^^^^

${file}:7:10: spec.layer: must be a number, is the text "high"
    7 |   layer: high
                 ^^^^

2 errors in 1 file
`);
  });

  test('does not call a missing path valid', async () => {
    const { code, err } = await cli(['validate', '/nowhere/at/all']);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^rookery: cannot read \/nowhere\/at\/all: .*; name a file or directory, or use --manifests\n$/,
    );
  });
});

describe('graph', () => {
  const graph = async (...argv: string[]) => (await cli(['graph', '--manifests', directory, ...argv])).out;

  test('as text', async () => {
    expect(await graph()).toBe(`ai-system
  layer 0
    twin
  layer 1
    alone
    manager  ← twin
    got-tot  ← manager (Started)  (optional)
`);
  });

  test('as mermaid', async () => {
    expect(await graph('-o', 'mermaid')).toBe(`flowchart BT
  subgraph g0 ["ai-system, layer 0"]
    a0["twin"]
  end
  subgraph g1 ["ai-system, layer 1"]
    a1["alone"]
    a2["manager"]
    a3("got-tot"):::optional
  end
  a2 --> a0
  a3 -->|Started| a2
  classDef optional stroke-dasharray: 4
`);
  });

  test('as dot', async () => {
    expect(await graph('-o', 'dot')).toBe(`digraph agents {
  rankdir=BT;
  node [shape=box];
  subgraph cluster_0 {
    label="ai-system, layer 0";
    "Agent/ai-system/twin" [label="twin"];
  }
  subgraph cluster_1 {
    label="ai-system, layer 1";
    "Agent/ai-system/alone" [label="alone"];
    "Agent/ai-system/manager" [label="manager"];
    "Agent/ai-system/got-tot" [label="got-tot", style=dashed];
  }
  "Agent/ai-system/manager" -> "Agent/ai-system/twin";
  "Agent/ai-system/got-tot" -> "Agent/ai-system/manager" [label="Started"];
}
`);
  });
});

describe('the command line itself', () => {
  test('prints its version', async () => {
    expect((await cli(['--version'])).out).toMatch(/^rookery \d+\.\d+\.\d+\n$/);
    expect(JSON.parse((await cli(['version', '-o', 'json'])).out)).toMatchObject({ node: process.version });
  });

  test.each([[[]], [['help']], [['--help']]])('explains itself: %j', async (argv) => {
    const { code, out, err } = await cli(argv);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('Usage: rookery [options] <command>');
    expect(out).not.toContain('delete');
  });

  test.each([
    'run',
    'apply',
    'plan',
    'validate',
    'get',
    'describe',
    'logs',
    'events',
    'graph',
    'crds',
    'version',
    'completion',
  ])('%s has examples, and a place in the reference', async (name) => {
    const { code, out } = await cli([name, '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples:\n  # .+\n  .*rookery ${name}`));
    expect(out).toContain('--api-socket');
    expect(commandReference()).toContain(`\n## rookery ${name}\n`);
  });

  test.each([
    [['gett'], "rookery: unknown command 'gett'\n(Did you mean get?)\n"],
    [['get'], "rookery: missing required argument 'kind'\n"],
    [
      ['get', 'agents', '--al-namespaces'],
      "rookery: unknown option '--al-namespaces'\n(Did you mean --all-namespaces?)\n",
    ],
    [
      ['get', 'agents', '-o', 'xml'],
      "rookery: option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are wide, yaml, json, name.\n",
    ],
    [['completion', 'tcsh'], 'rookery: no completion for "tcsh", only for bash, zsh, fish\n'],
    [
      ['delete', 'agent', 'x', '--force'],
      'rookery: there is no delete: remove the object from its manifest file (or remove the file), and the controller removes it from Podman\n',
    ],
    [
      ['get', 'agents', '--socket', 'tcp://host:1', '--log-level', 'loud'],
      'rookery: --socket "tcp://host:1": tcp is not supported, only a unix socket of this host, such as unix:///run/podman/podman.sock\n--log-level "loud": must be one of debug, info, warn, error\n',
    ],
  ])('explains what is wrong with %j', async (argv, err) => {
    expect(await cli(argv)).toEqual({ code: 1, out: '', err });
  });

  test('reads options from the environment, the command line first', async () => {
    const env = { ROOKERY_MANIFESTS: directory, ROOKERY_OUTPUT: 'dot' };
    expect((await cli(['graph'], { env })).out).toMatch(/^digraph/);
    expect((await cli(['graph', '-o', 'text'], { env })).out).toMatch(/^ai-system/);
  });

  test.each([
    [
      { ROOKERY_OUTPUT: 'png' },
      ['graph'],
      'rookery: ROOKERY_OUTPUT "png": must be one of text, mermaid, dot\n',
    ],
    [
      { ROOKERY_WATCH: 'maybe' },
      ['get', 'agents'],
      'rookery: ROOKERY_WATCH "maybe": must be true or false\n',
    ],
  ])('refuses %j', async (env, argv, err) => {
    expect(await cli(argv, { env })).toEqual({ code: 1, out: '', err });
  });
});
