# Sourced, after lib.sh and base-image.sh: builds images from the checkout and from what is staged in dist/build.
# shellcheck shell=bash

BUILD=dist/build

# One build at a time writes to dist/.
lock_dist() {
  mkdir -p dist
  exec 9>dist/.lock
  flock 9 || fail "dist/ is in use by another build"
}

# Node as npm installed it, and the packages needed at run time.
stage() {
  local node
  node=$(readlink -f node_modules/node/bin/node)
  mkdir -p $BUILD
  cmp -s "$node" $BUILD/node || cp "$node" $BUILD/node
  cmp -s package-lock.json $BUILD/staged && return
  say "Staging the packages needed at run time"
  rm -rf $BUILD/node_modules $BUILD/staged
  cp package.json package-lock.json $BUILD/
  # Scripts would only compile what comes prebuilt.
  (cd $BUILD && quietly "npm install failed" npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund)
  cp package-lock.json $BUILD/staged
}

# build_image TARGET NAME
build_image() {
  local base network=default
  base=$(base_image)
  # Our own base has all that is needed. An engine without a bridge, as for tests, has no other network to build in.
  [ "$base" != "$OWN_BASE" ] || network=none
  say "Building the image $2"
  quietly "docker build failed" docker build --network $network --target "$1" \
    --build-arg "BASE_IMAGE=$base" --tag "$2" .
}
