# shellcheck shell=bash
# The isolated service of podman-service.sh, which sources this file: a Podman with storage, networks, locks and mounts
# of its own, that leaves nothing behind.

HELPER_DIRS=(/usr/local/libexec/podman /usr/local/lib/podman /usr/libexec/podman /usr/lib/podman)
FIREWALL_WAS_EMPTY=/run/rookery/firewall-was-empty

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

# Stopped first, so that no conmon lives to tell Podman of its container's end. Containers have namespaces of their own.
end_at_once() {
  local pids pid
  mapfile -t pids < <(namespace_members; pid_from "$DIR/service.pid")
  kill -STOP "${pids[@]}" 2>/dev/null || true
  for pid in "${pids[@]}"; do
    mapfile -t -O ${#pids[@]} pids < <(tr ' ' '\n' <"/proc/$pid/task/$pid/children")
  done 2>/dev/null
  kill -KILL "${pids[@]}" 2>/dev/null || true
  for pid in "${pids[@]}"; do tail --pid="$pid" -f /dev/null; done
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

# As if the host had lost its power and were back: no process, mount, bridge or rule is left, and no runtime file.
reboot() {
  open_isolated "$1"
  end_at_once
  [ "$ROOTFUL" = 0 ] || remove_network_leftovers "$(cat "$DIR/subnet")"
  rm -f "$DIR"/{podman.sock,service.pid,keeper.pid,namespace}
  isolated "$1"
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
