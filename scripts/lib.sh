# Sourced by the other scripts, which set -euo pipefail and stand in the checkout's root.
# shellcheck shell=bash

export LC_ALL=C
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PLUGIN=berth-ipam:latest

# Progress goes to the script's own output, also from inside a $(...). What stays in the background must close this.
exec 3>&1
say() { printf '==> %s\n' "$*" >&3; }
note() { printf '    %s\n' "$*" >&3; }

# fail WHAT [WHAT WOULD HELP]...
fail() {
  printf 'FAILED: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '        %s\n' "$@" >&2
  exit 1
}

# [HELP=sentence] quietly WHAT COMMAND...: keeps the command's output to itself unless it fails.
quietly() {
  local what=$1 output
  shift
  if ! output=$("$@" 2>&1 </dev/null); then
    tail -n 25 <<<"$output" >&2
    fail "$what" "The command was: $*" ${HELP:+"$HELP"}
  fi
}

docker() { command "${DOCKER:-docker}" "$@"; }

engine_answers() { timeout 20 "${DOCKER:-docker}" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

need_root() {
  [ "$(id -u)" = 0 ] || fail "$1 needs root" "Run it with sudo, or as root."
}

# apt_install PACKAGE...
apt_install() {
  need_root "Installing $*"
  command -v apt-get >/dev/null ||
    fail "$* is missing, and there is no apt-get to install it" "Install it and run this again."
  say "Installing from the distribution: $*"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null 2>&1 || note "apt-get update failed; trying with the lists there are"
  quietly "apt-get install $* failed" apt-get install -y -qq --no-install-recommends "$@"
}

# apt_unpack PACKAGE FOLDER: the package's files, without installing it.
apt_unpack() {
  local package=$1 folder=$2
  mkdir -p "$folder"
  apt-get update -qq >/dev/null 2>&1 || true
  (cd "$folder" && quietly "apt-get download $package failed" apt-get download "$package")
  dpkg -x "$folder/$package"_*.deb "$folder"
  rm -f "$folder/$package"_*.deb
}

# Node packages, with Node itself, as the lock file says. Not npm ci, which insists on every platform's packages.
ensure_packages() {
  local installed=node_modules/.package-lock.json
  if [ -x node_modules/node/bin/node ] && [ -e $installed ] && [ ! $installed -ot package-lock.json ]; then return; fi
  command -v npm >/dev/null || apt_install npm nodejs
  say "Installing the Node packages"
  quietly "npm install failed" npm install --no-save --no-audit --no-fund
  touch $installed
}

# pull IMAGE: false where no registry answers in time. A file named by PULLED keeps the list of what was pulled.
pull() {
  say "Pulling $1"
  if ! timeout 30 "${DOCKER:-docker}" pull --quiet "$1" >/dev/null 2>&1; then
    note "no registry answered with it: making it from the distribution's packages"
    return 1
  fi
  [ -z "${PULLED:-}" ] || echo "$1" >>"$PULLED"
}

# Created, never started, to have an image's files; an interrupted build leaves one.
remove_export_containers() {
  docker ps --all --quiet --filter label=berth.image=runtime --filter status=created |
    xargs --no-run-if-empty "${DOCKER:-docker}" rm >/dev/null
}

has_image() { docker image inspect "$1" >/dev/null 2>&1; }
