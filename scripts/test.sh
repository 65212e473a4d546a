#!/bin/sh
# npm test: every test, on a real Podman of its own. Arguments go to vitest.
# Without Podman this fails; nothing is skipped for the lack of it.
# shellcheck disable=SC2317,SC2016 # functions that only a trap calls; JavaScript in quotes
set -eu
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

# Images are kept from run to run, so on the disk and not in a tmpfs. A second run at the same time takes the next one.
take_dir() {
  number=1
  while :; do
    dir=/var/tmp/rookery-test-$(id -u)-$number
    [ -d "$dir" ] || mkdir -m 700 "$dir"
    [ -O "$dir" ] || die "$dir is not ours"
    exec 8>"$dir/in-use"
    if flock -n 8; then return; fi
    number=$((number + 1))
  done
}

# has_image NAME STAMP: imported before, from the same source.
has_image() {
  [ "$(cat "$dir/${1##*/}.stamp" 2>/dev/null)" = "$2" ] && podman --url "$url" image exists "$1"
}

import_base() {
  stamp=$(cat images/base/rootfs.tar.recipe)
  if has_image localhost/ai-system/base:1 "$stamp"; then return; fi
  podman --url "$url" import --quiet images/base/rootfs.tar localhost/ai-system/base:1 >/dev/null
  echo "$stamp" >"$dir/base:1.stamp"
}

import_busybox() {
  busybox=$(command -v busybox)
  stamp=$(cksum <"$busybox")
  if has_image localhost/busybox:1 "$stamp"; then return; fi
  root=$dir/busybox
  mkdir -p "$root/bin" "$root/etc" "$root/proc" "$root/sys" "$root/dev" "$root/run" "$root/www" "$root/tmp"
  chmod 1777 "$root/tmp"
  cp "$busybox" "$root/bin/busybox"
  for name in $("$busybox" --list); do [ "$name" = busybox ] || ln -sf busybox "$root/bin/$name"; done
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  tar --numeric-owner --owner=0 --group=0 -C "$root" -cf "$root.tar" .
  podman --url "$url" import --quiet --change 'ENV PATH=/bin' --change 'CMD ["/bin/sh"]' "$root.tar" localhost/busybox:1 >/dev/null
  rm -rf "$root" "$root.tar"
  echo "$stamp" >"$dir/busybox:1.stamp"
}

# An ordinary user's Podman makes its network through this device; udev opens it to all, a machine without udev may not.
open_tun() {
  tun=/dev/net/tun
  if [ "$(id -u)" != 0 ] || [ ! -c "$tun" ]; then return 0; fi
  case $(stat -c %a "$tun") in
  *6) ;;
  *)
    say "opening $tun to ordinary users, as udev does: rootless networks need it"
    chmod 666 "$tun"
    ;;
  esac
}

# The tests' own images go, or the store grows with every run.
remove_built_images() {
  podman --url "$url" images --all --format '{{.Repository}}:{{.Tag}} {{.ID}}' |
    grep -vE '^localhost/(podman-pause|busybox|ai-system/base):' | cut -d' ' -f2 | sort -u |
    xargs -r podman --url "$url" rmi --force >/dev/null 2>&1 || true
}

# The newer Podman that the contract is tried on too; only root can start it beside the installed one.
start_next_podman() {
  if [ "$(id -u)" = 0 ]; then
    ROOKERY_TEST_PODMAN_NEXT=$(bash scripts/podman-next.sh up "$dir/next") || die "the newer Podman did not start"
    export ROOKERY_TEST_PODMAN_NEXT
  else
    say "NOT TESTED: the contract on a newer Podman, which only root can start beside the installed one"
  fi
}

clean_up() {
  status=$?
  trap - EXIT INT TERM
  [ -z "${ROOKERY_TEST_PODMAN_NEXT:-}" ] || bash scripts/podman-next.sh down "$dir/next" || status=1
  [ ! -S "$dir/podman.sock" ] || podman --url "$url" rm --all --force --time 0 >/dev/null 2>&1 || true
  remove_built_images
  bash scripts/podman-service.sh stop "$dir" || status=1
  exit "$status"
}

# The line that a continuous integration reads.
print_counts() {
  node -e '
    const report = JSON.parse(require("fs").readFileSync(process.argv[1]));
    const skipped = report.numPendingTests + report.numTodoTests;
    console.log(`${report.numPassedTests} passed, ${report.numFailedTests} failed, ${skipped} skipped`);
  ' "$1"
}

npm_packages >/dev/null
build_cli >/dev/null
base_rootfs >/dev/null
command -v busybox >/dev/null || need_packages busybox busybox-static
[ -x /usr/sbin/sshd ] || need_packages sshd openssh-server
command -v git-lfs >/dev/null || need_packages git-lfs git-lfs
for tool in git gpg openssl; do
  command -v "$tool" >/dev/null || need_packages "$tool" git gnupg openssl
done
open_tun
take_dir
trap clean_up EXIT
trap 'exit 130' INT TERM
unset CONTAINER_HOST
url=$(bash scripts/podman-service.sh isolated "$dir") || die "no Podman, no tests"
import_base
import_busybox
unset ROOKERY_TEST_PODMAN_NEXT
start_next_podman

export CONTAINER_HOST="$url" ROOKERY_TEST_PODMAN="${url#unix://}"
if [ "$(id -u)" = 0 ]; then ROOKERY_TEST_ROOTFUL=1; else ROOKERY_TEST_ROOTFUL=0; fi
export ROOKERY_TEST_ROOTFUL
report=$dir/report.json
rm -f "$report"
status=0
# Of a few files the coverage says nothing.
[ $# -gt 0 ] || set -- --coverage
npx --no-install vitest run --reporter=default --reporter=json --outputFile.json="$report" "$@" || status=$?
[ -s "$report" ] || die "vitest wrote no report"
print_counts "$report"
exit "$status"
