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

# ---- what a clone needs before anything of it runs; from the top directory ----

npm_packages() {
  command -v npm >/dev/null || die "npm is missing; install Node.js 20.19 or later"
  # shellcheck disable=SC3013 # every sh of a Linux distribution has -nt
  if [ node_modules/.package-lock.json -nt package-lock.json ]; then
    echo "up to date"
    return
  fi
  say "installing the npm packages of the lock file, up to a minute"
  npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || die "npm could not install the packages"
  echo "installed from the lock file"
}

build_cli() {
  if [ -e dist/rookery.js ] && [ -z "$(find src controllers package-lock.json scripts/build.mjs -newer dist/rookery.js 2>/dev/null | head -n 1)" ]; then
    echo "up to date"
    return
  fi
  npm run --silent build >&2 || die "npm run build failed"
  echo "built dist/rookery.js"
}

base_rootfs() {
  if bash scripts/base-rootfs.sh; then echo "images/base/rootfs.tar"; else exit 1; fi
}
