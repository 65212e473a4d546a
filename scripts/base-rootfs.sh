#!/usr/bin/env bash
# Builds images/base/rootfs.tar, the root file system of the example agents' base image: Python, pyzmq and busybox from
# the distribution's packages, no registry. The same packages give the same bytes, so the image's content hash is stable.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

SUITE=bookworm
PACKAGES=python3,python3-zmq,busybox-static
# What the agents import is compiled ahead: a container's root is read-only, so Python could not keep it.
PRECOMPILED='import http.server, json, logging, os, queue, random, signal, socket, subprocess, threading, time, uuid, zmq'
TAR=images/base/rootfs.tar

# Runs beside the new root file system, whose path is $1.
finish_rootfs() {
  local root=$1 name
  rm -rf "$root"/usr/share/{doc,man,locale,info,lintian,bug} "$root"/var/log/* \
    "$root"/etc/{hostname,resolv.conf}
  # What the packages would have set up when configured.
  printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'agent:x:1000:1000:agent:/app:/bin/sh' \
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'agent:x:1000:' 'nogroup:x:65534:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  for name in $("$root/bin/busybox" --list); do
    [ -e "$root/bin/$name" ] || [ -e "$root/sbin/$name" ] || ln -s busybox "$root/bin/$name"
  done
  # A volume that is mounted over one of these for the first time takes its owner.
  mkdir -p "$root"/app/{config,data,logs,models}
  chown -R 1000:1000 "$root/app"
  chroot "$root" /usr/bin/python3 -B - "$PRECOMPILED" <<'PYTHON'
import py_compile, sys
exec(sys.argv[1])
for name in sorted(sys.modules):
    source = getattr(sys.modules[name], '__file__', None)
    if source and source.endswith('.py'):
        py_compile.compile(source, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
PYTHON
}

if [ "${1:-}" = --finish ]; then
  finish_rootfs "$2"
  exit
fi

cd "$(dirname "$0")/.."
recipe=$(cksum <scripts/base-rootfs.sh)
if [ -s $TAR ] && [ "$(cat $TAR.recipe 2>/dev/null)" = "$recipe" ]; then exit; fi

command -v mmdebstrap >/dev/null || need_packages mmdebstrap mmdebstrap
[ "$(id -u)" = 0 ] || command -v newuidmap >/dev/null || need_packages "newuidmap (to build images/base as an ordinary user)" uidmap
say "building $TAR from Debian packages, about 10 s"
mkdir -p "${TAR%/*}"
export SOURCE_DATE_EPOCH=0
log=$(mktemp)
trap 'rm -f "$log" "$TAR.new"' EXIT
mmdebstrap --variant=extract --include=$PACKAGES --format=tar --extract-hook="\"$PWD/scripts/base-rootfs.sh\" --finish \"\$1\"" \
  "$SUITE" "$TAR.new" >"$log" 2>&1 </dev/null || die "mmdebstrap failed: $(tail -n 5 "$log")"
mv "$TAR.new" $TAR
echo "$recipe" >$TAR.recipe
