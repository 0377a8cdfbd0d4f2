# Sourced: what `make up` made on this machine, so that `make down` undoes that and nothing else. The marks belong to the
# machine and not to a checkout: they survive a reboot, and any checkout's `make down` may follow them.
# shellcheck shell=bash

MARKS=/var/lib/berth-up

# mark NAME [TEXT]: set before the thing is made, so that an interruption leaves a mark too many, never one too few.
mark() {
  mkdir -p $MARKS
  printf '%s' "${2:-}" >"$MARKS/$1"
}

marked() { [ -e "$MARKS/$1" ]; }
read_mark() { cat "$MARKS/$1" 2>/dev/null || true; }
unmark() { rm -f "$MARKS/$1"; }

# An empty mark: there was no plugin, and up was about to create it.
plugin_is_ours() {
  marked plugin && { [ ! -s $MARKS/plugin ] || [ "$(read_mark plugin)" = "$1" ]; }
}
