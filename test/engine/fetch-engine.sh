#!/usr/bin/env bash
# fetch-engine.sh DIR SUITE: puts the Docker Engine of Debian's SUITE into DIR/SUITE, unpacked only: nothing is installed.
# It has an apt state of its own, so that the machine's packages and their versions stay what they are.
set -euo pipefail
export LC_ALL=C

mkdir -p "$1"
dir=$(realpath "$1") suite=$2
[ ! -d "$dir/$suite" ] || exit 0

case $suite in
  bookworm) packages='docker.io containerd runc tini busybox-static docker-registry' ;;
  *) packages='docker.io docker-cli containerd' ;; # its runc wants a newer libc; bookworm's serves every engine
esac

work=$(mktemp -d "$dir/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts" "$work/root"

mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} $suite main" \
  >"$work/sources.list"
: >"$work/status"

apt_get() {
  timeout 300 apt-get -qq \
    -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts="$work/parts" \
    -o Dir::Etc::preferencesparts="$work/parts" -o APT::Sandbox::User=root -o APT::Get::List-Cleanup=0 "$@"
}

cd "$work"
apt_get update
# shellcheck disable=SC2086 # a list of names
apt_get download $packages
for package in ./*.deb; do dpkg -x "$package" root; done

# One folder for PATH; bookworm's own bin holds busybox.
mkdir -p root/bin
for tool in docker dockerd containerd containerd-shim containerd-shim-runc-v2 docker-proxy docker-registry runc; do
  for place in usr/bin usr/sbin bin; do
    if [ -f "root/$place/$tool" ]; then ln -s "../$place/$tool" "root/bin/$tool" 2>/dev/null || true; break; fi
  done
done
# The engine's init for containers; the static one runs everywhere.
[ "$suite" != bookworm ] || ln -s ../usr/bin/tini-static root/bin/docker-init

# Another process may have been quicker; either result will do.
mv -T root "$dir/$suite" 2>/dev/null || [ -d "$dir/$suite/bin" ]
