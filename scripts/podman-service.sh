#!/usr/bin/env bash
# Finds or starts a Podman API service, and prints its URL.
#
#   podman-service.sh ensure           the user's own service when there is one, else one that we start
#   podman-service.sh isolated DIR     a service with storage, networks and locks of its own, for tests and benchmarks
#   podman-service.sh cli DIR ARGS...  the podman command on the isolated service's storage
#   podman-service.sh reboot DIR       everything of it dies at once and forgets what no disk holds; it starts again
#   podman-service.sh stop DIR         stop it and remove what it made, except its images
#   podman-service.sh remove DIR       the same, and DIR too
#
# The user's Podman configuration is read, never written. What this host needs beyond it goes into a file of our own
# that only our service is given (CONTAINERS_CONF).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PACKAGES=(podman runc netavark aardvark-dns conmon catatonit slirp4netns fuse-overlayfs uidmap iptables nftables iproute2)
START_TIMEOUT_SECONDS=20
ROOTFUL=$([ "$(id -u)" = 0 ] && echo 1 || echo 0)

# ---- where things are ----

private_dir() {
  local dir
  for dir; do [ -d "$dir" ] || mkdir -m 700 "$dir"; done
}

# An ordinary user without a login session has no XDG_RUNTIME_DIR: then the directory Podman itself falls back to.
set_runtime_dir() {
  if [ "$ROOTFUL" = 1 ]; then
    RUNTIME_DIR=/run
    return
  fi
  if [ -z "${XDG_RUNTIME_DIR:-}" ]; then
    XDG_RUNTIME_DIR=/run/user/$(id -u)
    [ -w "$XDG_RUNTIME_DIR" ] || XDG_RUNTIME_DIR=/tmp/podman-run-$(id -u)
    private_dir "$XDG_RUNTIME_DIR"
  fi
  [ -O "$XDG_RUNTIME_DIR" ] || die "$XDG_RUNTIME_DIR is not ours; set XDG_RUNTIME_DIR to a directory of your own"
  export XDG_RUNTIME_DIR
  RUNTIME_DIR=$XDG_RUNTIME_DIR
}

# ---- what this host needs beyond Podman's defaults, as containers.conf ----

# CAP_SYS_RESOURCE is bit 24.
may_raise_limits() {
  (($((0x$(awk '/^CapEff/ {print $2}' /proc/self/status))) >> 24 & 1))
}

# Podman asks for 1048576 open files and processes. Where the hard limit is lower and may not be raised, no container
# starts. Soft equals hard because Podman 4.3's API exchanges the two.
ulimit_changes() {
  local nofile nproc pid_max
  nofile=$(ulimit -Hn) nproc=$(ulimit -Hu) pid_max=$(cat /proc/sys/kernel/pid_max)
  [ "$nofile" != unlimited ] || nofile=1048576
  # Podman lowers its own process limit to the host's largest process id.
  if [ "$nproc" = unlimited ] || [ "$nproc" -gt "$pid_max" ]; then nproc=$pid_max; fi
  if [ "$ROOTFUL" = 0 ] || may_raise_limits || { [ "$nofile" -ge 1048576 ] && [ "$nproc" -ge "$pid_max" ]; }; then return; fi
  printf '[containers]\ndefault_ulimits = ["nofile=%d:%d", "nproc=%d:%d"]\n' "$nofile" "$nofile" "$nproc" "$nproc"
}

# Nothing is printed on an ordinary host: cgroup v2, systemd, journald.
host_changes() {
  ulimit_changes
  echo '[engine]'
  # crun refuses the hybrid hierarchy.
  [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || echo 'runtime = "runc"'
  [ -d /run/systemd/system ] || echo 'cgroup_manager = "cgroupfs"'
  [ -S /run/systemd/journal/socket ] || echo 'events_logger = "file"'
}

# Without any storage.conf, Podman 4.3 gives an ordinary user copies instead of layers: each container is a whole image.
# From Linux 5.13 on layers work there too. A store that exists stays as it is.
storage_options() {
  local config=${XDG_CONFIG_HOME:-$HOME/.config}/containers/storage.conf store=${XDG_DATA_HOME:-$HOME/.local/share}/containers/storage
  if [ "$ROOTFUL" = 1 ] || [ -n "${STORAGE_DRIVER:-}${CONTAINERS_STORAGE_CONF:-}" ] || [ -d "$store/vfs-images" ] ||
    [ -e "$config" ] || [ -e /etc/containers/storage.conf ] || [ -e /usr/share/containers/storage.conf ]; then return; fi
  [ "$(printf '5.13\n%s\n' "$(uname -r)" | sort -V | head -n 1)" != 5.13 ] || echo '--storage-driver overlay'
}

user_conf_files() {
  if [ -n "${CONTAINERS_CONF:-}" ]; then
    echo "$CONTAINERS_CONF"
    return
  fi
  local dir
  for dir in /usr/share/containers /etc/containers "${XDG_CONFIG_HOME:-$HOME/.config}/containers"; do
    if [ "$dir" = "${XDG_CONFIG_HOME:-$HOME/.config}/containers" ] && [ "$ROOTFUL" = 1 ]; then continue; fi
    find "$dir/containers.conf" "$dir/containers.conf.d" -maxdepth 1 -name '*.conf' 2>/dev/null | sort || true
  done
}

# Merges containers.conf files: the last value of a key wins, as Podman itself does it.
merge_conf() {
  awk '
    function depth_of(line) { gsub(/"[^"]*"/, "", line); sub(/#.*/, "", line); return gsub(/[[{]/, "", line) - gsub(/[]}]/, "", line) }
    FNR == 1 { table = ""; depth = 0 }
    depth > 0 { value[id] = value[id] "\n" $0; depth += depth_of($0); next }
    /^[ \t]*(#|$)/ { next }
    /^[ \t]*\[/ { table = $0; sub(/^[ \t]*\[/, "", table); sub(/\].*/, "", table); if (!(table in seen)) { seen[table]; tables[++count] = table } next }
    {
      key = $0; sub(/[ \t]*=.*/, "", key); sub(/^[ \t]*/, "", key); id = table SUBSEP key
      if (!(id in value)) keys[table] = keys[table] SUBSEP key
      value[id] = $0; depth = depth_of($0)
    }
    function print_table(name,   part, n, i) { n = split(keys[name], part, SUBSEP); for (i = 2; i <= n; i++) print value[name, part[i]] }
    END { print_table(""); for (t = 1; t <= count; t++) { print "[" tables[t] "]"; print_table(tables[t]) } }
  ' "$@"
}

# The host's changes come first, so that what the user wrote wins; our own come last.
write_conf() {
  local target=$1 ours=$2 files
  mapfile -t files < <(user_conf_files)
  { merge_conf <(host_changes) "${files[@]}" <(printf '%s\n' "$ours"); } >"$target.new"
  mv "$target.new" "$target"
}

# ---- services ----

# Answers, and says whether the pause image of pods is there: a line of output means yes.
images_named() {
  timeout 10 podman --url "$1" images --quiet "$2" 2>/dev/null
}

alive() {
  case $1 in
    unix://*) [ -S "${1#unix://}" ] || return 1 ;;
  esac
  images_named "$1" localhost/podman-pause >/dev/null
}

# The first pod builds the pause image, and pods that are created in parallel race for it. A Podman that needs no such
# image is noted, not asked each time.
make_pause_image() {
  local url=$1 needs_none=$2
  if [ -e "$needs_none" ] || images_named "$url" localhost/podman-pause | grep -q .; then return; fi
  if ! podman --url "$url" pod create --name "rookery-pause-$$" >/dev/null; then
    say "no pods: Podman on $url cannot make their pause image; single agents run"
    return
  fi
  podman --url "$url" pod rm --force "rookery-pause-$$" >/dev/null
  images_named "$url" localhost/podman-pause | grep -q . || : >"$needs_none"
}

# A process id can be taken over by another process: with its start time it names one process for ever. None for a zombie.
process_identity() { awk -v pid="$1" '{sub(/.*\) /, "")} $1 != "Z" {print pid, $20}' "/proc/$1/stat" 2>/dev/null; }
pid_from() {
  local file=$1 pid start
  [ -s "$file" ] && read -r pid start <"$file" && [ "$(process_identity "$pid")" = "$pid $start" ] && echo "$pid"
}

# start_detached PIDFILE LOG COMMAND...: its own session, so that Ctrl-C in the caller's terminal never reaches it.
start_detached() {
  local pidfile=$1 log=$2
  shift 2
  setsid nohup "$@" </dev/null >>"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
  disown $!
  process_identity $! >"$pidfile"
}

wait_alive() {
  local url=$1 pidfile=$2 log=$3 deadline=$((SECONDS + START_TIMEOUT_SECONDS))
  until alive "$url"; do
    if [ "$SECONDS" -ge "$deadline" ] || ! pid_from "$pidfile" >/dev/null; then
      die "Podman's service on $url did not start; see $log: $(tail -n 3 "$log")"
    fi
    sleep 0.05
  done
}

require_podman() {
  command -v podman >/dev/null || need_packages Podman "${PACKAGES[@]}"
  if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] && ! command -v runc >/dev/null; then
    need_packages "runc (crun does not run on this host's control groups)" runc
  fi
  require_nft
}

# It lies where an ordinary user's PATH often does not lead; Podman 5 comes without it.
require_nft() {
  if (PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin && command -v nft >/dev/null); then return; fi
  if [ "$ROOTFUL" = 1 ]; then
    need_packages "nft (for updates without a gap)" nftables
  else
    say "BlueGreen, Canary and several replicas need nft; run as root: apt-get install --no-install-recommends nftables"
  fi
}

ensure() {
  set_runtime_dir
  require_podman
  local own=$RUNTIME_DIR/rookery url
  private_dir "$own"
  for url in ${CONTAINER_HOST:+"$CONTAINER_HOST"} "unix://$RUNTIME_DIR/podman/podman.sock" "unix://$own/podman.sock"; do
    if alive "$url"; then
      make_pause_image "$url" "$own/pause-not-needed"
      echo "$url"
      return
    fi
    [ "$url" != "${CONTAINER_HOST:-}" ] || say "CONTAINER_HOST=$url does not answer; looking for another Podman"
  done
  exec 9>"$own/podman.lock" && flock 9
  if ! alive "$url"; then
    if [ "$(host_changes)" != '[engine]' ]; then
      write_conf "$own/containers.conf" ''
      export CONTAINERS_CONF=$own/containers.conf
    fi
    # shellcheck disable=SC2046
    start_detached "$own/podman.pid" "$own/podman.log" podman $(storage_options) system service --time=0 "$url"
    wait_alive "$url" "$own/podman.pid" "$own/podman.log"
    say "started Podman's API on $url, log in $own/podman.log"
  fi
  make_pause_image "$url" "$own/pause-not-needed"
  echo "$url"
}

# shellcheck source=scripts/podman-isolated.sh
. "$(dirname "$0")/podman-isolated.sh"

case ${1:-} in
  ensure) ensure ;;
  isolated | cli | reboot | stop | remove)
    [ -n "${2:-}" ] || die "$1 needs a directory"
    "$@"
    ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
