#!/usr/bin/env bash
# Finds or starts a Podman API service, and prints its URL.
#
#   podman-service.sh ensure           the user's own service when there is one, else one that we start
#   podman-service.sh isolated DIR     a service with storage, networks and locks of its own, for tests and benchmarks
#   podman-service.sh cli DIR ARGS...  the podman command on the isolated service's storage
#   podman-service.sh stop DIR         stop it and remove what it made, except its images
#   podman-service.sh remove DIR       the same, and DIR too
#
# The user's Podman configuration is read, never written. What this host needs beyond it goes into a file of our own
# that only our service is given (CONTAINERS_CONF).
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PACKAGES=(podman runc netavark aardvark-dns conmon catatonit slirp4netns fuse-overlayfs uidmap iptables nftables iproute2)
HELPER_DIRS=(/usr/local/libexec/podman /usr/local/lib/podman /usr/libexec/podman /usr/lib/podman)
START_TIMEOUT_SECONDS=20
FIREWALL_WAS_EMPTY=/run/rookery/firewall-was-empty
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

# ---- the isolated service ----

# A /16 that no route of this host and no other isolated service has; it stays DIR's until `remove`.
claim_subnet() {
  local dir=$1 claims=$RUNTIME_DIR/rookery/subnets octet tries
  private_dir "$RUNTIME_DIR/rookery" "$claims"
  if [ -s "$dir/subnet" ]; then
    octet=$(cat "$dir/subnet")
    [ "$(cat "$claims/$octet" 2>/dev/null || echo "$dir")" != "$dir" ] || { echo "$dir" >"$claims/$octet"; return; }
  fi
  octet=$(($(printf %s "$dir" | cksum | cut -d' ' -f1) % 120 + 128))
  for ((tries = 0; tries < 120; tries++, octet = octet == 247 ? 128 : octet + 1)); do
    if ip -4 route | grep -q "^10\.$octet\."; then continue; fi
    if [ -e "$claims/$octet" ] && [ ! -s "$(cat "$claims/$octet")/subnet" ]; then rm -f "$claims/$octet"; fi
    if (set -C && echo "$dir" >"$claims/$octet") 2>/dev/null; then
      echo "$octet" >"$dir/subnet"
      return
    fi
  done
  die "no free 10.x.0.0/16 network for $dir"
}

# Podman numbers bridges podman0, podman1 ... by looking at its own networks, and so would take another service's.
write_netavark_wrapper() {
  local dir=$1 octet=$2 real
  for real in "${HELPER_DIRS[@]}" ''; do
    if [ -x "$real/netavark" ]; then break; fi
  done
  [ -n "$real" ] || need_packages "Podman's network stack" netavark aardvark-dns
  cat >"$dir/bin/netavark" <<WRAPPER
#!/bin/sh
sed 's/"network_interface":"podman\([0-9]*\)"/"network_interface":"rk$octet-\1"/g' | ${real:-/usr/lib/podman}/netavark "\$@"
WRAPPER
  chmod +x "$dir/bin/netavark"
}

isolated_conf() {
  local dir=$1 octet=$2
  cat <<CONF
[network]
network_backend = "netavark"
network_config_dir = "$dir/networks"
default_network = "rookery-$octet"
default_subnet = "10.$octet.0.0/24"
default_subnet_pools = [{"base" = "10.$octet.0.0/16", "size" = 24}]
[engine]
tmp_dir = "$TMP_DIR"
lock_type = "file"
helper_binaries_dir = ["$dir/bin"$(printf ', "%s"' "${HELPER_DIRS[@]}")]
CONF
}

# The environment and the command that mean the isolated storage. (An ordinary user's Podman takes no paths from
# CONTAINERS_STORAGE_CONF.)
use_isolated() {
  export CONTAINERS_CONF=$DIR/containers.conf
  unset CONTAINER_HOST
  PODMAN=(podman --root "$DIR/storage" --runroot "$DIR/run" --storage-driver overlay)
  # One user namespace for each of these directories: so stopping one ends no process of another.
  if [ "$ROOTFUL" = 0 ]; then
    private_dir "$DIR/xdg"
    export XDG_RUNTIME_DIR=$DIR/xdg
  fi
}

# Netavark and aardvark-dns keep their state below /run/containers by network name, for all storages of root: the
# service sees directories of its own there. The mounts live as long as the keeper, so the service can be restarted.
start_keeper() {
  INSIDE=()
  local members
  mapfile -t members < <(namespace_members)
  # Every mount is gone: Podman must take this for a reboot, or it believes that its containers still run.
  [ ${#members[@]} -gt 0 ] || rm -rf "$DIR"/{tmp,run,run-containers,run-netns,namespace,xdg/*}
  mkdir -p "$TMP_DIR" "$DIR"/{run,networks,bin}
  [ "$ROOTFUL" = 1 ] || return 0
  if [ ${#members[@]} = 0 ]; then
    new_keeper
  elif ! pid_from "$DIR/keeper.pid" >/dev/null; then
    start_detached "$DIR/keeper.pid" "$DIR/service.log" nsenter "--mount=/proc/${members[0]}/ns/mnt" sleep infinity
  fi
  INSIDE=(nsenter "--mount=/proc/$(pid_from "$DIR/keeper.pid")/ns/mnt" "--wd=$PWD")
}

new_keeper() {
  mkdir -p /run/containers /run/netns "$DIR"/{run-containers,run-netns}
  # shellcheck disable=SC2016
  start_detached "$DIR/keeper.pid" "$DIR/service.log" unshare --mount --propagation slave sh -euc '
    mount --bind "$0/run-containers" /run/containers
    mount --bind "$0/run-netns" /run/netns
    readlink /proc/self/ns/mnt >"$0/namespace.new"
    mv "$0/namespace.new" "$0/namespace"
    exec sleep infinity' "$DIR"
  wait_for_file "$DIR/namespace"
}

# The processes of the service: those in its mount namespace, or in the user namespace of an ordinary user's.
# A namespace's number can be used again, so its mounts or its pause process must be ours too.
namespace_members() {
  local kind=mnt namespace pid
  if [ "$ROOTFUL" = 1 ]; then
    namespace=$(cat "$DIR/namespace" 2>/dev/null) || return 0
  else
    kind=user
    pid=$(cat "$TMP_DIR/pause.pid" 2>/dev/null) || return 0
    namespace=$(readlink "/proc/$pid/ns/user") && [ "$namespace" != "$(readlink /proc/self/ns/user)" ] || return 0
  fi
  namespace=${namespace/\[/\\[}
  # Other users' processes cannot be looked at, and processes go while we look: no failure.
  { find /proc/[0-9]*/ns/"$kind" -maxdepth 0 -lname "${namespace/\]/\\]}" 2>/dev/null || true; } | cut -d/ -f3 | while read -r pid; do
    if [ "$ROOTFUL" = 0 ] || grep -qs "${DIR##*/}/run-containers /run/containers " "/proc/$pid/mountinfo"; then echo "$pid"; fi
  done
}

wait_for_file() {
  local tries
  for ((tries = 0; tries < 250; tries++)); do
    [ ! -e "$1" ] || return 0
    sleep 0.02
  done
  die "$1 did not appear; see $DIR/service.log"
}

# open_isolated DIR: from here on nobody else starts or stops this service.
open_isolated() {
  [ -z "${DIR:-}" ] || return 0
  mkdir -p "$1"
  DIR=$(cd "$1" && pwd -P)
  URL=unix://$DIR/podman.sock
  # An ordinary user's Podman finds its user namespace through its default here, whatever the configuration says.
  if [ "$ROOTFUL" = 1 ]; then TMP_DIR=$DIR/tmp; else TMP_DIR=$DIR/xdg/libpod/tmp; fi
  # Podman refuses a run root of more than 50 characters.
  [ ${#DIR} -le 46 ] || die "$DIR is too long for Podman; choose a path of at most 46 characters"
  set_runtime_dir
  require_podman
  exec 9>"$DIR/lock" && flock 9
}

isolated() {
  open_isolated "$1"
  if [ ! -s "$DIR/containers.conf" ] || ! alive "$URL"; then
    claim_subnet "$DIR"
    OCTET=$(cat "$DIR/subnet")
    write_conf "$DIR/containers.conf" "$(isolated_conf "$DIR" "$OCTET")"
    use_isolated
    note_firewall
    start_keeper
    write_netavark_wrapper "$DIR" "$OCTET"
    start_detached "$DIR/service.pid" "$DIR/service.log" "${INSIDE[@]}" "${PODMAN[@]}" system service --time=0 "$URL"
    wait_alive "$URL" "$DIR/service.pid" "$DIR/service.log"
  fi
  make_pause_image "$URL" "$DIR/pause-not-needed"
  echo "$URL"
}

cli() {
  open_isolated "$1"
  shift
  use_isolated
  start_keeper
  exec 9>&-
  exec "${INSIDE[@]}" "${PODMAN[@]}" "$@"
}

end_process() {
  local pid tries
  pid=$(pid_from "$1") || return 0
  kill "$pid" 2>/dev/null || true
  for ((tries = 0; tries < 100; tries++)); do
    pid_from "$1" >/dev/null || return 0
    sleep 0.05
  done
  kill -9 "$pid" 2>/dev/null || true
}

remove_everything_made() {
  local podman=("${INSIDE[@]}" "${PODMAN[@]}") ids
  "${podman[@]}" pod rm --all --force --time 0
  "${podman[@]}" rm --all --force --volumes --time 0
  mapfile -t ids < <("${podman[@]}" ps --all --external --quiet)
  [ ${#ids[@]} = 0 ] || "${podman[@]}" rm --force "${ids[@]}"
  "${podman[@]}" network prune --force
  "${podman[@]}" volume rm --all --force
  mapfile -t ids < <("${podman[@]}" secret ls --quiet)
  [ ${#ids[@]} = 0 ] || "${podman[@]}" secret rm "${ids[@]}"
}

# conmon, DNS, port forwarders, and what keeps the namespace.
end_helpers() {
  local pids
  pids=$(namespace_members)
  # shellcheck disable=SC2086
  [ -z "$pids" ] || kill -9 $pids 2>/dev/null || true
}

# firewall_deletions TABLE PATTERN CHAINS: the input of iptables-restore that deletes each rule that matches PATTERN,
# and the chains named like CHAINS that match PATTERN, or that such rules are in or lead to.
firewall_deletions() {
  iptables-save -t "$1" | awk -v table="$1" -v pattern="$2" -v chains="$3" '
    { line[++n] = $0; target[n] = $0; sub(/.* -j /, "", target[n]) }
    /^:/ && $0 ~ pattern && substr($1, 2) ~ chains { chain[substr($1, 2)] }
    /^-A/ && $0 ~ pattern {
      if ($2 ~ chains) chain[$2]
      if (target[n] ~ chains) chain[target[n]]
    }
    END {
      print "*" table
      for (i = 1; i <= n; i++) {
        split(line[i], word, " ")
        if (word[1] == "-A" && (line[i] ~ pattern || word[2] in chain || target[i] in chain)) print "-D" substr(line[i], 3)
      }
      for (name in chain) print "-X " name
      print "COMMIT"
    }'
}

delete_rules() {
  local table
  for table in nat filter; do
    firewall_deletions "$table" "$1" "$2" | iptables-restore --noflush
  done
}

# Netavark's common chains stay behind when it goes; where there were none before us, there are none after the last of us.
note_firewall() {
  if [ "$ROOTFUL" = 0 ] || ! command -v iptables-save >/dev/null; then return 0; fi
  iptables-save | grep -q NETAVARK || : >"$FIREWALL_WAS_EMPTY"
}

# Netavark removes its rules with the last container of a network; after a crash they are still here.
remove_network_leftovers() {
  local octet=$1 link
  for link in /sys/class/net/rk"$octet"-*; do
    [ ! -e "$link" ] || ip link delete "${link##*/}"
  done
  command -v iptables-save >/dev/null || return 0
  delete_rules "10[.]${octet}[.]" '^NETAVARK-(DN-)?[0-9A-F]+$'
  if [ -e "$FIREWALL_WAS_EMPTY" ] && ! iptables-save | grep -qE '^-A NETAVARK-(DN-)?[0-9A-F]+ '; then
    delete_rules NETAVARK '^NETAVARK'
    rm -f "$FIREWALL_WAS_EMPTY"
  fi
}

stop() {
  [ -s "$1/containers.conf" ] || return 0
  open_isolated "$1"
  use_isolated
  start_keeper
  end_process "$DIR/service.pid"
  remove_everything_made >/dev/null 2>>"$DIR/service.log" || say "not everything could be removed; see $DIR/service.log"
  end_helpers
  [ "$ROOTFUL" = 0 ] || remove_network_leftovers "$(cat "$DIR/subnet")"
  rm -f "$DIR"/{podman.sock,service.pid,keeper.pid,namespace}
}

remove() {
  [ -d "$1" ] || return 0
  open_isolated "$1"
  stop "$1"
  [ ! -s "$DIR/subnet" ] || rm -f "$RUNTIME_DIR/rookery/subnets/$(cat "$DIR/subnet")"
  if [ "$ROOTFUL" = 1 ]; then
    rm -rf --one-file-system "$DIR"
  else
    unshare --user --map-root-user --map-auto rm -rf --one-file-system "$DIR"
  fi
}

case ${1:-} in
  ensure) ensure ;;
  isolated | cli | stop | remove)
    [ -n "${2:-}" ] || die "$1 needs a directory"
    "$@"
    ;;
  *)
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
