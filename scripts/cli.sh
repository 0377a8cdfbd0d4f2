# Sourced, after marks.sh: berth, the operator's command: a wrapper, and the image that it runs.
# shellcheck shell=bash

CLI_IMAGE=berth-cli:latest
WRAPPER=${PREFIX:-/usr/local}/bin/berth

# Ours say so in their second line.
is_our_wrapper() { [ ! -L "$1" ] && [ -f "$1" ] && [ "$(sed -n 2p "$1")" = "$(sed -n 2p scripts/berth)" ]; }

check_wrapper() {
  if [ ! -L "$WRAPPER" ] && [ ! -e "$WRAPPER" ] || is_our_wrapper "$WRAPPER"; then return; fi
  fail "$WRAPPER exists, and make install-cli did not make it" \
    "Rename or remove it, or install elsewhere: make install-cli PREFIX=/opt/berth"
}

install_wrapper() {
  say "Installing $WRAPPER"
  mark wrappers "$(read_mark wrappers) $WRAPPER"
  quietly "$WRAPPER could not be written" install -D --mode 755 scripts/berth "$WRAPPER"
}

remove_cli() {
  local wrapper
  for wrapper in $(read_mark wrappers); do
    if is_our_wrapper "$wrapper"; then
      say "Removing $wrapper"
      rm "$wrapper"
    fi
  done
  if marked wrappers; then docker image rm --force $CLI_IMAGE >/dev/null 2>&1 || true; fi
  unmark wrappers
}
