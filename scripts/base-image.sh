# Sourced, after lib.sh.
# shellcheck shell=bash

PUBLIC_BASE=debian:bookworm-slim
OWN_PACKAGES=tini,ca-certificates,e2fsprogs,xfsprogs
# Named by what is in it: one that was made for fewer packages is not taken for it.
OWN_BASE=berth-base:bookworm-${OWN_PACKAGES//,/-}
BASE_TAR=dist/${OWN_BASE//:/-}.tar

# The image to build from. Where no registry answers it is made once, under a name of our own, and kept in dist/.
base_image() {
  if has_image "$OWN_BASE"; then
    echo "$OWN_BASE"
  elif [ ! -e "$BASE_TAR" ] && { has_image $PUBLIC_BASE || pull $PUBLIC_BASE; }; then
    echo $PUBLIC_BASE
  else
    [ -e "$BASE_TAR" ] || bootstrap
    say "Importing the base image"
    quietly "The base image could not be imported" docker import -c 'LABEL berth.image=build' "$BASE_TAR" "$OWN_BASE"
    echo "$OWN_BASE"
  fi
}

bootstrap() {
  local tree=dist/base mirror
  need_root "Making the base image"
  command -v debootstrap >/dev/null || apt_install debootstrap
  say "Making the base image with debootstrap (half a minute)"
  # A tree that was left half-made may still have proc mounted in it: never delete across file systems.
  rm -rf --one-file-system $tree
  mkdir -p dist
  # shellcheck disable=SC2016 # for apt-get to expand
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | head -n 1)
  quietly "debootstrap failed" \
    debootstrap --variant=minbase --include=$OWN_PACKAGES bookworm $tree ${mirror:+"$mirror"}
  rm -rf $tree/var/cache/apt/* $tree/var/lib/apt/lists/* $tree/usr/share/{doc,locale,man}
  tar -C $tree -cf "$BASE_TAR.new" .
  mv "$BASE_TAR.new" "$BASE_TAR"
  rm -rf --one-file-system $tree
}
