#!/bin/sh
# npm run simulate: the real controller on a simulated host, killed and disturbed in every way; docs/simulation.md.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

npm_packages >/dev/null
npx --no-install esbuild test/convergence/main.ts --bundle --platform=node --format=esm --target=node20 \
  --packages=external --log-level=warning --outfile=node_modules/.cache/simulate.mjs
exec node node_modules/.cache/simulate.mjs "$@"
