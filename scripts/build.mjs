// Bundles the CLI: src/cli/main.ts → dist/rookery.js, one chunk per lazily loaded command.
// usage: build.mjs [ENTRY] [OUTPUT_DIRECTORY]
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [entry = 'src/cli/main.ts', outdir = 'dist'] = process.argv.slice(2);

// What dockerode loads for Docker over ssh and for BuildKit: never used with Podman, and half of the start-up time.
const NEVER_USED = /^(ssh2|protobufjs|@grpc\/grpc-js|@grpc\/proto-loader)$/;

/** @type {import('esbuild').Plugin} */
const withoutUnused = {
  name: 'without-unused',
  setup(plugin) {
    plugin.onResolve({ filter: NEVER_USED }, ({ path }) => ({ path, namespace: 'unused' }));
    plugin.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

await rm(new URL(outdir, new URL('..', import.meta.url)), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { rookery: entry },
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: true,
  // Less to read and compile at every start; names stay for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  external: ['zeromq'],
  plugins: [withoutUnused],
  // CommonJS packages inside an ES module still call require.
  banner: {
    js: "import { createRequire as rookeryRequire } from 'node:module'; const require = rookeryRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
