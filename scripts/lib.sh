# shellcheck shell=sh
# Shared by the scripts here: words on stderr, and packages of the distribution.

say() { printf 'rookery: %s\n' "$*" >&2; }
die() {
  say "$*"
  exit 1
}

# need_packages "what for" PACKAGE...: installs what is missing as root; an ordinary user is told what to ask for.
need_packages() {
  why=$1
  shift
  if ! command -v apt-get >/dev/null; then
    die "$why is missing; install it with your package manager (on Debian: apt-get install $*)"
  elif [ "$(id -u)" != 0 ]; then
    die "$why is missing; run as root: apt-get install --no-install-recommends $*"
  fi
  say "installing $why: $*"
  if ! apt_install "$@"; then
    apt-get update -qq >&2
    apt_install "$@" || die "apt-get could not install: $*"
  fi
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}
