#!/bin/sh
# npm run fuzz -- [--documents N] [--seed S]: hostile manifests, guided by the code they run.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

npm_packages >/dev/null
npx --no-install esbuild test/fuzz/main.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning --outfile=.cache/fuzz.mjs
exec node .cache/fuzz.mjs "$@"
