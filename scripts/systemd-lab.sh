#!/usr/bin/env bash
# A real systemd (PID 1, logind, journald, user managers, linger) for tests, on a machine that need not run one itself:
# namespaces of its own around a Debian tree, with a cgroup2-only /sys/fs/cgroup. Boots in about a second. Needs root.
#   systemd-lab.sh build          build the Debian tree, once a suite
#   systemd-lab.sh up [SHARE]     boot it and wait for the lingering user `lab`; SHARE is shown read-only at /share
#   systemd-lab.sh root CMD...    run a command in it as root
#   systemd-lab.sh user CMD...    run a command as `lab`, below that user's own manager
#   systemd-lab.sh down           power off; what was written is there again after the next `up`
#   systemd-lab.sh remove         power off, and remove every trace but the built tree
# SUITE: bookworm (systemd 252, Podman 4.3) or trixie (257, 5.4); LAB: the name of a machine, for several at a time.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

SUITE=${SUITE:-bookworm}
top=/var/tmp/rookery-lab
lab=$top/${LAB:-default}
mark=$(cksum <"$0" | cut -d' ' -f1)
base=$top/tree-$SUITE-$mark
BOOT_DEADLINE_S=30

PACKAGES=systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,podman,crun,slirp4netns,uidmap,netavark,aardvark-dns,catatonit,iproute2,procps,nftables,iptables,busybox-static,git,openssh-client,ca-certificates

[ "$(id -u)" = 0 ] || die "the systemd lab needs root (it mounts, and makes namespaces); what it would test is left out"

cgroup2() { awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts; }

# The lab's PID 1 as seen from here; nothing when it is down. The start time tells it from a later process.
pid1() {
  local pid start
  [ -s "$lab/pid1" ] || return 0
  read -r pid start <"$lab/pid1"
  [ "$(awk '{ print $22 }' "/proc/$pid/stat" 2>/dev/null)" != "$start" ] || echo "$pid"
}

# until_true SECONDS CMD...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.05
  done
}

build() {
  mkdir -p -m 711 "$top"
  exec 7>"$top/lock-$SUITE"
  flock 7
  [ ! -e "$base/.ready" ] || return 0
  command -v mmdebstrap >/dev/null || need_packages mmdebstrap mmdebstrap
  say "building a Debian $SUITE tree for the systemd tests, about a minute"
  rm -rf "$top/tree-$SUITE"-*
  local packages=$PACKAGES
  [ "$SUITE" = bookworm ] || packages=$packages,passt
  mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Languages "none"' "$SUITE" "$base" </dev/null >"$top/build-$SUITE.log" 2>&1 ||
    die "mmdebstrap failed: $(tail -n 5 "$top/build-$SUITE.log")"
  rm -rf "$base"/var/cache/apt/* "$base"/var/lib/apt/lists/* "$base"/usr/share/{doc,man,locale}
  chroot "$base" useradd --create-home --shell /bin/bash --uid 1000 lab
  chroot "$base" useradd --create-home --shell /bin/bash --uid 1001 guest
  echo lab >"$base/etc/hostname"
  : >"$base/etc/machine-id"
  : >"$base/etc/fstab"
  mkdir -p "$base/var/lib/systemd/linger" "$base/share" "$base/mnt/old" "$base/etc/containers"
  touch "$base/var/lib/systemd/linger/lab"
  # A machine with cgroup v1 has not given these controllers to v2, and then a default pids limit fails.
  printf '[containers]\npids_limit = 0\n' >"$base/etc/containers/containers.conf"
  ln -sf /dev/null "$base/etc/systemd/system/systemd-modules-load.service"
  touch "$base/.ready"
}

# Runs as the lab's first process in its namespaces: $1 tree, $2 disk, $3 mount point, $4 what to share, $5 node.
# shellcheck disable=SC2016 # expanded inside
BOOT='
  set -eu
  base=$1 disk=$2 m=$3 share=$4 node=$5
  ip link set lo up
  mount -t overlay overlay -o "lowerdir=$base,upperdir=$disk/upper,workdir=$disk/work" "$m"
  mount -t proc proc "$m/proc"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$m/sys"
  mount -t cgroup2 cgroup2 "$m/sys/fs/cgroup"
  mount -t tmpfs -o mode=755 tmpfs "$m/dev"; mkdir "$m/dev/pts" "$m/dev/shm" "$m/dev/net"
  for n in null zero full random urandom tty fuse net/tun; do
    [ -e "/dev/$n" ] || continue
    touch "$m/dev/$n"; mount --bind "/dev/$n" "$m/dev/$n"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$m/dev/pts"; ln -s pts/ptmx "$m/dev/ptmx"
  ln -s /proc/self/fd "$m/dev/fd"
  for i in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${i%:*}" "$m/dev/${i#*:}"; done
  mount -t tmpfs tmpfs "$m/dev/shm"; mount -t tmpfs -o mode=755 tmpfs "$m/run"; mount -t tmpfs tmpfs "$m/tmp"
  mkdir -p "$m/var/lib/containers"
  mount --bind "$disk/containers" "$m/var/lib/containers"; mount --bind "$disk/home" "$m/home"
  if [ -n "$share" ]; then mount --bind "$share" "$m/share"; mount -o remount,bind,ro "$m/share"; fi
  : >"$m/usr/local/bin/node"; mount --bind "$node" "$m/usr/local/bin/node"
  cd "$m"; pivot_root . mnt/old; cd /; umount -l /mnt/old; mount --make-rshared /
  exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
    /lib/systemd/systemd --system --log-target=journal --show-status=0 </dev/null
'

# In memory: rootless Podman puts no overlay upon an overlay, and nothing here outlives the tests.
make_disk() {
  mkdir -p "$lab/disk" "$lab/root"
  mountpoint -q "$lab/disk" || mount -t tmpfs -o mode=755 rookery-lab "$lab/disk"
  [ -d "$lab/disk/home" ] || {
    mkdir "$lab/disk"/{upper,work,containers}
    cp -a "$base/home" "$lab/disk/home"
  }
}

up() {
  [ -z "$(pid1)" ] || return 0
  build
  make_disk
  local group
  group=$(cgroup2)/rookery-lab-${LAB:-default}
  mkdir -p "$group"
  (
    echo $BASHPID >"$group/cgroup.procs"
    exec 7>&- unshare --mount --pid --fork --cgroup --uts --ipc --net --propagation private \
      bash -c "$BOOT" boot "$base" "$lab/disk" "$lab/root" "${1:-}" "$(readlink -f "$(command -v node)")"
  ) >"$lab/console.log" 2>&1 </dev/null &
  local outer=$!
  disown
  until_true $BOOT_DEADLINE_S first_process $outer || die "the lab's PID 1 did not start: $(cat "$lab/console.log")"
  # The outer process has no pid inside, which systemd takes for an I/O error.
  echo $outer >"$(cgroup2)/cgroup.procs"
  until_true $BOOT_DEADLINE_S is_running || die "the lab's user has no session: $(root systemctl --no-pager status user@1000 || true)"
}

first_process() {
  local pid
  pid=$(pgrep -P "$1" | head -n 1)
  [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm")" = systemd ] || return 1
  echo "$pid $(awk '{ print $22 }' "/proc/$pid/stat")" >"$lab/pid1"
}

is_running() {
  case $(user systemctl --user is-system-running || true) in running | degraded) ;; *) return 1 ;; esac
}

root() {
  local pid
  pid=$(pid1)
  [ -n "$pid" ] || die "the lab is not up"
  nsenter -t "$pid" -m -p -C -u -i -n env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/root LANG=C.UTF-8 "$@"
}

# A unit of the user's own manager, so that the command has the cgroup that a login would give it.
user() {
  # shellcheck disable=SC2016 # expanded inside
  root setpriv --reuid 1000 --regid 1000 --init-groups env HOME=/home/lab USER=lab LOGNAME=lab \
    XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus \
    sh -c 'cd; [ -S "$XDG_RUNTIME_DIR/bus" ] || exit 1
      exec systemd-run --user --quiet --wait --pipe --collect --working-directory="$HOME" -E XDG_RUNTIME_DIR -E DBUS_SESSION_BUS_ADDRESS "$@"' sh "$@"
}

is_down() { [ -z "$(pid1)" ]; }

down() {
  local pid group
  pid=$(pid1)
  if [ -n "$pid" ]; then
    root systemctl poweroff --no-wall >/dev/null 2>&1 || true
    until_true 10 is_down || kill -KILL "$pid"
    until_true 10 is_down || die "the lab does not end"
  fi
  group=$(cgroup2)/rookery-lab-${LAB:-default}
  remove_group() { find "$group" -depth -type d -exec rmdir {} \; && [ ! -d "$group" ]; }
  [ ! -d "$group" ] || until_true 5 remove_group || true
}

remove() {
  down
  ! mountpoint -q "$lab/disk" || umount "$lab/disk"
  rm -rf --one-file-system "$lab"
}

command=${1:-}
shift || true
case $command in
build | up | down | remove | root | user) $command "$@" ;;
*)
  sed -n '2,11p' "$0" >&2
  exit 2
  ;;
esac
