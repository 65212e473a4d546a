#!/bin/sh
# npm run bench: what Rookery costs, beside doing the same by hand and beside its peers, on a Podman of its own.
# `npm run bench -- --help` tells the options.
# shellcheck disable=SC2317 # functions that only a trap calls
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

clean_up() {
  status=$?
  trap - EXIT INT TERM
  bash scripts/podman-service.sh remove "$dir/podman" || status=1
  rm -rf "$dir"
  exit "$status"
}

npm_packages >/dev/null
build_cli >/dev/null
command -v busybox >/dev/null || need_packages busybox busybox-static
npx --no-install esbuild bench/main.ts --bundle --platform=node --format=esm --target=node20 --log-level=warning --outfile=.cache/bench.mjs
# On the disk, as a user's storage and state are, not in a tmpfs.
dir=$(mktemp -d /var/tmp/rookery-bench.XXXXXX)
trap clean_up EXIT
trap 'exit 130' INT TERM
mkdir "$dir/work"
unset CONTAINER_HOST
for name in $(env | sed -n 's/^\(ROOKERY_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
bash scripts/podman-service.sh isolated "$dir/podman" >/dev/null || die "no Podman, nothing to measure"
node .cache/bench.mjs "$PWD" "$dir/podman" "$dir/work" "$@"
