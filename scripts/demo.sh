# Sourced, after base-image.sh and lan.sh: the network and the two containers of the demonstration. All carry the label
# berth.demo; what has one of their names without the label is somebody else's, and is left alone.
# shellcheck shell=bash

NETWORK=berth-demo
CONTAINERS=(berth-demo-1 berth-demo-2)
LABEL=berth.demo
DEMO_IMAGE=berth-demo:latest
PUBLIC_IMAGE=busybox:latest

# labelled KIND NAME: true when it is ours, false when there is none, fails when it is somebody else's.
labelled() {
  local labels path=.Labels
  [ "$1" != container ] || path=.Config.Labels
  labels=$(docker "$1" inspect --format "{{json $path}}" "$2" 2>/dev/null) || return 1
  case $labels in
    *"\"$LABEL\""*) ;;
    *) fail "A $1 named $2 exists that make up did not make" "Rename or remove it, and run this again." ;;
  esac
}

# Fails before anything is done where a name is taken, or the demonstration runs on another LAN.
check_demo() {
  local name parent
  if labelled network $NETWORK; then
    parent=$(docker network inspect --format '{{.Options.parent}}' $NETWORK)
    [ "$parent" = "$LAN_PARENT" ] || lan_is_gone "$parent" ||
      fail "The demonstration already runs on $parent" "Run make down first, to have it on $LAN_PARENT."
  fi
  for name in "${CONTAINERS[@]}"; do labelled container "$name" || true; done
}

ensure_network() {
  if labelled network $NETWORK; then return; fi
  say "docker network create -d macvlan --ipam-driver $PLUGIN --subnet $LAN_SUBNET ... $NETWORK"
  HELP="The plugin's own words stand in the engine's log: $(engine_log)" \
    quietly "The network could not be created" docker network create --driver macvlan --label $LABEL \
    --ipam-driver "$PLUGIN" --subnet "$LAN_SUBNET" --gateway "$LAN_GATEWAY" ${RANGE:+--ip-range "$RANGE"} \
    --opt "parent=$LAN_PARENT" $NETWORK
}

ensure_containers() {
  local name image
  for name in "${CONTAINERS[@]}"; do
    if labelled container "$name"; then
      [ "$(docker inspect --format '{{.State.Running}}' "$name")" = true ] && continue
      say "docker start $name"
      quietly "$name could not be started" docker start "$name"
    else
      image=$(demo_image)
      say "docker run --network $NETWORK --name $name ..."
      HELP="The plugin's own words stand in the engine's log: $(engine_log)" \
        quietly "$name could not be started" docker run --detach --init --label $LABEL \
        --network $NETWORK --name "$name" --hostname "$name" $(has_cluster && echo "--volume $VOLUME:$VOLUME_PATH") \
        "$image" sleep infinity
    fi
  done
}

demo_image() {
  if has_image $DEMO_IMAGE; then
    echo $DEMO_IMAGE
  elif has_image $PUBLIC_IMAGE || { [ ! -e "$BASE_TAR" ] && pull $PUBLIC_IMAGE; }; then
    echo $PUBLIC_IMAGE
  else
    import_busybox
    echo $DEMO_IMAGE
  fi
}

import_busybox() {
  local folder=dist/busybox command
  say "Making the image for the containers from the package busybox-static"
  rm -rf $folder
  apt_unpack busybox-static $folder
  for command in $($folder/bin/busybox --list); do
    [ "$command" = busybox ] || ln -s busybox "$folder/bin/$command"
  done
  tar -C $folder -c bin | docker import -c 'CMD ["sh"]' -c "LABEL berth.image=demo" - $DEMO_IMAGE >/dev/null
  rm -rf $folder
}

address_of() {
  local address
  address=$(docker inspect --format "{{(index .NetworkSettings.Networks \"$NETWORK\").IPAddress}}" "$1")
  [ -n "$address" ] || fail "$1 has ended, and so has no address" "Why it did: docker logs $1; docker inspect $1"
  echo "$address"
}

remove_demo() {
  local containers networks
  containers=$(docker ps --all --quiet --filter label=$LABEL)
  if [ -n "$containers" ]; then
    say "Removing the containers"
    # shellcheck disable=SC2086 # a list of ids
    quietly "The containers could not be removed" docker rm --force $containers
  fi
  networks=$(docker network ls --quiet --filter label=$LABEL)
  if [ -n "$networks" ]; then
    say "Removing the network"
    # shellcheck disable=SC2086 # a list of ids
    HELP="Remove the containers that you started on it, and run make down again." \
      quietly "The network $NETWORK could not be removed" docker network rm $networks
  fi
}
