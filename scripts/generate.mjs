// Writes what follows from the schema and from the command line's own definition: crds/*.yaml and docs/reference/*.md.
// usage: generate.mjs [DIRECTORY]   (by default the repository itself)
import { mkdir, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { dump } from 'js-yaml';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = resolve(process.argv[2] ?? root);

// Node 20 reads no TypeScript: the pure part is bundled in memory and imported from there.
const { outputFiles } = await build({
  stdin: {
    contents: `
      export { crdFor, crdKinds } from './src/api/crd.ts';
      export { manifestReference } from './src/api/reference.ts';
      export { commandReference } from './src/cli/reference.ts';`,
    resolveDir: root,
  },
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'node',
});
const source = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
const { crdFor, crdKinds, manifestReference, commandReference } = await import(
  `data:text/javascript;base64,${source}`
);

const NOTE = '# Generated from the schema by `npm run generate`: change src/api instead.\n';
/** @param {string} path @param {string} text */
const write = async (path, text) => {
  const file = resolve(target, path);
  await mkdir(resolve(file, '..'), { recursive: true });
  await writeFile(file, text);
  console.log(path);
};

for (const kind of crdKinds) {
  const crd = crdFor(kind);
  await write(`crds/${crd.metadata.name}.yaml`, NOTE + dump(crd, { noRefs: true, lineWidth: 110 }));
}
await write('docs/reference/manifests.md', manifestReference());
await write('docs/reference/cli.md', commandReference());
