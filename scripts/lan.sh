# Sourced, after marks.sh: the LAN of the demonstration. Its own is a veth pair whose ends have no address, since this host
# may have another use for 192.0.2.0/24: one end is the parent of the macvlan network, the other holds up its carrier.
# Its name changes with every boot: the interface goes with a reboot, the engine then fails to restore the network, and would
# mistake it for a later one on the same parent even after it was removed.
# shellcheck shell=bash

BOOT=$(cut -c1-8 /proc/sys/kernel/random/boot_id)
LAN=berth-$BOOT
PEER=berthp-$BOOT
if [ -z "${PARENT:-}${SUBNET:-}${GATEWAY:-}" ]; then
  LAN_PARENT=$LAN
  LAN_SUBNET=192.0.2.0/24
  LAN_GATEWAY=192.0.2.1
else
  LAN_PARENT=${PARENT:-}
  LAN_SUBNET=${SUBNET:-}
  LAN_GATEWAY=${GATEWAY:-}
fi

check_lan() {
  if [ -z "$LAN_PARENT" ] || [ -z "$LAN_SUBNET" ] || [ -z "$LAN_GATEWAY" ]; then
    fail "A real LAN needs all of PARENT, SUBNET and GATEWAY" \
      "For example: make up PARENT=eth0 SUBNET=192.168.1.0/24 GATEWAY=192.168.1.1 RANGE=192.168.1.192/26" \
      "RANGE limits which addresses are given out: name one that nobody else on the LAN uses."
  fi
  command -v ip >/dev/null || apt_install iproute2
  [ "$LAN_PARENT" = "$LAN" ] || has_link "$LAN_PARENT" ||
    fail "There is no interface $LAN_PARENT" "PARENT must be one of: $(ip -o link | cut -d: -f2 | xargs)"
  if [ "$LAN_PARENT" = "$LAN" ] && has_link "$LAN" && ! marked lan; then
    fail "An interface $LAN exists that make up did not make" "Rename or remove it (ip link del $LAN)."
  fi
}

has_link() { ip link show dev "$1" >/dev/null 2>&1; }

# The own LAN of an earlier boot.
lan_is_gone() { [ "$1" = "$(read_mark lan)" ] && ! has_link "$1"; }

# True when it had to be made.
make_lan() {
  [ "$LAN_PARENT" = "$LAN" ] || return 1
  if has_link "$LAN"; then return 1; fi
  say "Making a LAN of our own: $LAN, $LAN_SUBNET"
  mark lan "$LAN"
  quietly "The interface $LAN could not be made" ip link add "$LAN" type veth peer name "$PEER"
  quietly "The interface $LAN did not come up" ip link set "$LAN" up
  quietly "The interface $PEER did not come up" ip link set "$PEER" up
}

remove_lan() {
  marked lan || return 0
  if has_link "$LAN"; then
    say "Removing the LAN $LAN"
    ip link del "$LAN"
  fi
  unmark lan
}
