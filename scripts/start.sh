#!/bin/sh
# npm start: everything from a bare clone to the eight agents of manifests/mvs. Arguments go to `rookery run`.
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# step "[n/4] title" COMMAND...: runs COMMAND and says what its last line of output says.
step() {
  title=$1
  shift
  result=$("$@") || exit 1
  say "$title: $result"
}

step '[1/4] npm packages' npm_packages
step '[2/4] build' build_cli
step '[3/4] Podman' bash scripts/podman-service.sh ensure
CONTAINER_HOST=$result
export CONTAINER_HOST
step '[4/4] base image' base_rootfs
exec bin/rookery run --manifests manifests/mvs "$@"
