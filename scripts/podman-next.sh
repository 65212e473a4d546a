#!/usr/bin/env bash
# A newer Podman (Debian 13's 5.4) beside the one that is installed, so that one suite can run against both.
#
#   podman-next.sh up DIR      build its tree once for this machine (about 75 s), start the service with its storage in
#                              DIR, and print its URL
#   podman-next.sh down DIR    stop the service, and remove what it made, except its images
#   podman-next.sh remove DIR  the same, and DIR too
#
# For root only. The tree is a Debian of its own that the service enters with pivot_root, in a mount namespace that ends
# with it (after a chroot there are no user namespaces); network and processes are the host's. Of the host's files it sees
# those in DIR, under the same path, its own storage included: what it tells of its files can be looked at from here.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

SUITE=trixie
CACHE=/var/tmp/rookery-podman-next
TREE=$CACHE/$SUITE
# Raised when the tree is to be built anew.
RECIPE=1
PACKAGES=podman,runc,netavark,aardvark-dns,conmon,passt,slirp4netns,uidmap,catatonit,iptables,nftables,procps,iproute2,ca-certificates
START_TIMEOUT_SECONDS=20

# Soft and hard limits must be equal and within the host's, and subnets those of nobody else here.
containers_conf() {
  local nofile
  nofile=$(ulimit -Hn)
  [ "$nofile" != unlimited ] || nofile=1048576
  cat <<CONF
[containers]
default_ulimits = ["nofile=$nofile:$nofile", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
firewall_driver = "iptables"
default_subnet = "10.97.0.0/24"
default_subnet_pools = [{"base" = "10.98.0.0/16", "size" = 24}]
CONF
}

build_tree() {
  mkdir -p -m 700 "$CACHE"
  exec 9>"$CACHE/lock"
  flock 9
  if [ "$(cat "$TREE/etc/rookery-recipe" 2>/dev/null)" = "$RECIPE" ]; then
    exec 9>&-
    return
  fi
  command -v mmdebstrap >/dev/null || need_packages "what builds a Debian tree" mmdebstrap
  say "building a Debian $SUITE with its Podman in $TREE, about 75 s"
  rm -rf --one-file-system "$TREE"
  mmdebstrap --quiet --aptopt='Acquire::Retries "5"' --variant=minbase --include="$PACKAGES" "$SUITE" "$TREE" >&2 || die "no Debian $SUITE could be built"
  mkdir -p "$TREE/etc/containers" "$TREE/oldroot"
  containers_conf >"$TREE/etc/containers/containers.conf"
  # Podman wants a graphroot here even where --root says another.
  printf '[storage]\ndriver = "overlay"\ngraphroot = "/var/lib/containers/storage"\nrunroot = "/run/containers/storage"\n' \
    >"$TREE/etc/containers/storage.conf"
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$TREE/etc/containers/policy.json"
  echo "$RECIPE" >"$TREE/etc/rookery-recipe"
  exec 9>&-
}

start_time() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null; }

# The service's process, when it is still the one that we started.
service_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$1/pid" || return 1
  [ "$(start_time "$pid")" = "$started" ] && echo "$pid"
}

# It enters the tree, with its storage and socket in DIR and what else it keeps in a tmpfs that ends with it.
start_service() {
  local dir=$1
  # shellcheck disable=SC2016
  setsid unshare --mount --propagation private bash -euc 'tree=$0 dir=$1
    mount --bind "$tree" "$tree"
    cd "$tree"
    for host in proc sys dev; do mount --rbind "/$host" "$host"; done
    mount -t tmpfs tmpfs run
    mkdir -p run/lock run/user ".$dir"
    mount --bind "$dir" ".$dir"
    pivot_root . oldroot
    cd /
    umount -l /oldroot
    mount --make-rshared /
    export PODMAN_IGNORE_CGROUPSV1_WARNING=1 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
    unset CONTAINERS_CONF CONTAINERS_STORAGE_CONF CONTAINER_HOST TMPDIR
    exec podman --root "$dir/graph" system service --time=0 "unix://$dir/run/podman.sock"' "$TREE" "$dir" </dev/null >"$dir/log" 2>&1 7>&- 8>&- 9>&- &
  local pid=$!
  echo "$pid $(start_time "$pid")" >"$dir/pid"
}

up() {
  local dir=$1 waited
  build_tree
  mkdir -p -m 700 "$dir" "$dir/run" "$dir/graph"
  if ! service_pid "$dir" >/dev/null; then
    rm -f "$dir/run/podman.sock"
    start_service "$dir"
    for ((waited = 0; waited < START_TIMEOUT_SECONDS * 10; waited++)); do
      [ ! -S "$dir/run/podman.sock" ] || break
      sleep 0.1
    done
    [ -S "$dir/run/podman.sock" ] || die "the newer Podman did not start: $(tail -n 5 "$dir/log")"
  fi
  echo "unix://$dir/run/podman.sock"
}

# podman DIR ARGS...: the command itself, where the service is.
podman_in() {
  local dir=$1 pid
  pid=$(service_pid "$dir") || return 1
  shift
  nsenter --target "$pid" --mount -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
    podman --root "$dir/graph" "$@"
}

down() {
  local dir=$1 pid
  if pid=$(service_pid "$dir"); then
    podman_in "$dir" pod rm --all --force --time 0 >/dev/null 2>&1 || true
    podman_in "$dir" rm --all --force --time 0 >/dev/null 2>&1 || true
    podman_in "$dir" network prune --force >/dev/null 2>&1 || true
    podman_in "$dir" volume prune --force >/dev/null 2>&1 || true
    kill "$pid"
    tail --pid="$pid" -f /dev/null
  fi
  rm -f "$dir/pid" "$dir/run/podman.sock"
}

[ "$(id -u)" = 0 ] || die "a newer Podman beside the installed one needs root"
[ $# = 2 ] || die "usage: podman-next.sh up|down|remove DIR"
case $1 in
  up | down) "$1" "$2" ;;
  remove)
    down "$2"
    rm -rf --one-file-system "$2"
    ;;
  *) die "usage: podman-next.sh up|down|remove DIR" ;;
esac
