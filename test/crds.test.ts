import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { loadAll } from 'js-yaml';
import { afterAll, describe, expect, test } from 'vitest';
import { type CrdKind, crdFor, crdKinds } from '../src/api/crd.ts';
import { dropNullFields, inputSchemaOf } from '../src/api/fields.ts';
import { kinds } from '../src/api/kinds.ts';
import { manifestReference } from '../src/api/reference.ts';
import { commandReference } from '../src/cli/reference.ts';
import { loadText } from '../src/source/load.ts';

type Node = { readonly [field: string]: unknown };
const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const schemaOf = (kind: CrdKind): Node => {
  const crd = crdFor(kind) as { spec: { versions: [{ schema: { openAPIV3Schema: Node } }] } };
  return crd.spec.versions[0].schema.openAPIV3Schema;
};

describe('what is generated', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-generate-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  test('is what is committed', () => {
    execFileSync(process.execPath, ['scripts/generate.mjs', directory]);
    const files = [
      ...crdKinds.map((kind) => `crds/${kinds[kind].plural}.rookery.dev.yaml`),
      'docs/reference/manifests.md',
      'docs/reference/cli.md',
    ];
    for (const file of files)
      expect(readFileSync(file, 'utf8')).toBe(readFileSync(join(directory, file), 'utf8'));
    expect(readFileSync('docs/reference/manifests.md', 'utf8')).toBe(manifestReference());
    expect(readFileSync('docs/reference/cli.md', 'utf8')).toBe(commandReference());
    expect(readdirSync('crds').sort()).toEqual(readdirSync(join(directory, 'crds')).sort());
  });

  test('tells the meaning of every field', () => {
    const silent: string[] = [];
    const visit = (node: Node, path: string): void => {
      for (const [name, field] of Object.entries((node['properties'] ?? {}) as Record<string, Node>)) {
        if (field['description'] === undefined) silent.push(`${path}.${name}`);
        visit(field, `${path}.${name}`);
      }
      if (isNode(node['items'])) visit(node['items'], `${path}[]`);
    };
    for (const kind of crdKinds) {
      const { spec, status } = schemaOf(kind)['properties'] as { spec: Node; status: Node };
      visit(spec, `${kind}.spec`);
      visit(status, `${kind}.status`);
    }
    expect(silent).toEqual([]);
  });
});

/** The rules of apiextensions for structural schemas, as far as zod could break them. */
function faults(node: Node, path: string): string[] {
  const found = FORBIDDEN.filter((field) => field in node).map((field) => `${path}: ${field}`);
  const isTyped = typeof node['type'] === 'string';
  const isFree =
    node['x-kubernetes-int-or-string'] === true || node['x-kubernetes-preserve-unknown-fields'] === true;
  if (!isTyped && !isFree) found.push(`${path}: no type`);
  if (node['properties'] && node['additionalProperties'])
    found.push(`${path}: properties beside additionalProperties`);
  for (const field of ['oneOf', 'anyOf', 'allOf', 'not']) {
    const isIntOrString = field === 'anyOf' && node['x-kubernetes-int-or-string'] === true;
    if (isIntOrString) expect(node['anyOf']).toEqual([{ type: 'integer' }, { type: 'string' }]);
    else
      for (const branch of [node[field]].flat())
        found.push(...structuralInBranch(branch, `${path}.${field}`));
  }
  const children = Object.entries((node['properties'] ?? {}) as Record<string, Node>);
  for (const [name, child] of children) found.push(...faults(child, `${path}.${name}`));
  for (const field of ['items', 'additionalProperties']) {
    const child = node[field];
    if (isNode(child)) found.push(...faults(child, `${path}.${field}`));
  }
  return found;
}

const FORBIDDEN = [
  '$ref',
  '$defs',
  '$schema',
  'const',
  'definitions',
  'dependencies',
  'patternProperties',
  'propertyNames',
  'deprecated',
  'id',
];
const NOT_IN_BRANCHES = ['type', 'default', 'description', 'additionalProperties', 'nullable'];

function structuralInBranch(branch: unknown, path: string): string[] {
  if (!isNode(branch)) return [];
  const own = NOT_IN_BRANCHES.filter((field) => field in branch).map((field) => `${path}: ${field}`);
  const properties = Object.entries((branch['properties'] ?? {}) as Record<string, unknown>);
  return [...own, ...properties.flatMap(([name, child]) => structuralInBranch(child, `${path}.${name}`))];
}

describe.each(crdKinds)('the CRD of %s', (kind) => {
  test('is structural', () => {
    expect(faults(schemaOf(kind), kind)).toEqual([]);
  });

  test('has a status, its own names and columns', () => {
    const { plural, shortNames } = kinds[kind];
    expect(crdFor(kind)).toMatchObject({
      metadata: { name: `${plural}.rookery.dev` },
      spec: {
        scope: 'Namespaced',
        names: { kind, plural, shortNames },
        versions: [{ name: 'v1alpha1', served: true, storage: true, subresources: { status: {} } }],
      },
    });
  });

  test('has defaults that are valid themselves', () => {
    const check = validator(kind);
    const spec: Record<string, unknown> =
      { Agent: { image: 'x' }, Image: { tag: 'x', pull: { reference: 'x' } } }[kind as string] ?? {};
    const whole = { metadata: { name: 'a' }, spec };
    expect(check(whole)).toBe(true);
    expect(check(whole)).toBe(true);
  });
});

/** As `kubectl apply` does today: unknown fields are errors. */
function strict(node: Node): Node {
  const properties = node['properties'] as Record<string, Node> | undefined;
  const isClosed = properties && node['x-kubernetes-preserve-unknown-fields'] !== true;
  return {
    ...node,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, child]) => [name, strict(child)]),
      ),
    }),
    ...(isClosed && { additionalProperties: false }),
    ...(isNode(node['items']) && { items: strict(node['items']) }),
    ...(isNode(node['additionalProperties']) && {
      additionalProperties: strict(node['additionalProperties']),
    }),
  };
}

const CIDR = /^[0-9a-fA-F.:]+\/\d{1,3}$/;

function validator(kind: CrdKind) {
  const ajv = new Ajv({ strict: false, useDefaults: true });
  formats.default(ajv, ['ipv4', 'ipv6', 'date-time', 'int64']);
  ajv.addFormat('cidr', CIDR);
  const schema = schemaOf(kind);
  const { metadata, ...properties } = schema['properties'] as Record<string, Node>;
  // What metadata may hold is the API server's own business, but for the name.
  const own = strict({ ...schema, properties });
  return ajv.compile({ ...own, properties: { ...(own['properties'] as Node), metadata } });
}

const validators = new Map(crdKinds.map((kind) => [kind, validator(kind)]));

interface Case {
  readonly name: string;
  readonly text: string;
}

const corpus = (file: string): Case[] =>
  readFileSync(`test/corpus/${file}.yaml`, 'utf8')
    .split(/^---\n/m)
    .slice(1)
    .map((text) => ({ name: /^# (.*)/.exec(text)?.[1] ?? '', text }));

function verdicts(text: string): { readonly zod: boolean; readonly crd: boolean } {
  const [value] = loadAll(text) as [{ kind: CrdKind; metadata?: { name?: string } }];
  const pruned = dropNullFields(value, inputSchemaOf(value.kind));
  const crd = validators.get(value.kind)?.(structuredClone(pruned)) === true;
  // The API server itself, and no CRD, asks for a name.
  return {
    zod: kinds[value.kind].schema.safeParse(pruned).success,
    crd: crd && value.metadata?.name !== undefined,
  };
}

describe('zod and the CRDs agree', () => {
  test.each(corpus('good'))('good: $name', ({ text }) => {
    expect(verdicts(text)).toEqual({ zod: true, crd: true });
    expect(loadText('good.yaml', text).problems).toEqual([]);
  });

  test.each(corpus('bad'))('bad: $name', ({ text }) => {
    expect(verdicts(text)).toEqual({ zod: false, crd: false });
    expect(loadText('bad.yaml', text).problems).not.toEqual([]);
  });

  test.each(corpus('rules'))('by a rule: $name', ({ text }) => {
    expect(verdicts(text)).toEqual({ zod: false, crd: true });
    const said = /^# .*\n# (.*)/.exec(text)?.[1] ?? 'nothing';
    const messages = loadText('rules.yaml', text).problems.map(({ message }) => message);
    expect(messages).toEqual([expect.stringContaining(said)]);
  });

  test('over a corpus that is large enough', () => {
    expect(corpus('good').length + corpus('bad').length).toBeGreaterThanOrEqual(60);
  });

  test.each(['manifests/mvs', 'manifests/hello'])('and take what is in %s', (directory) => {
    for (const file of readdirSync(directory).filter((name) => name.endsWith('.yaml'))) {
      const loaded = loadText(file, readFileSync(join(directory, file), 'utf8'));
      expect(loaded.problems).toEqual([]);
      for (const { document } of loaded.objects) {
        const { kind } = document.value as { kind: CrdKind };
        expect([file, validators.get(kind)?.(structuredClone(document.value)) ?? true]).toEqual([file, true]);
      }
    }
  });
});
