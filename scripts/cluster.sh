# Sourced, after marks.sh and demo.sh: the volume of the demonstration, on a file system of its own, as a host of a cluster
# would have it: mounted below a shared mount point, so that the plugin sees it come and go. All of it, with the state of the
# plugin, is in one folder. A plugin that make up did not create is left alone, and then there is no volume to show.
# shellcheck shell=bash

CLUSTER_PLUGIN=berth-cluster:latest
CLUSTER_FOLDER=/var/lib/berth-demo
CLUSTER_IMAGE=$CLUSTER_FOLDER/ext4.img
CLUSTER_STATE=$CLUSTER_FOLDER/state
CLUSTER_SOURCE=$CLUSTER_FOLDER/shared
CLUSTER_ROOT=$CLUSTER_SOURCE/cluster
VOLUME=berth-demo
# Where the containers have it.
VOLUME_PATH=/shared

cluster_plugin() { docker plugin inspect --format "{{.$1}}" $CLUSTER_PLUGIN 2>/dev/null; }

cluster_is_ours() {
  marked cluster && { [ -z "$(read_mark cluster)" ] || [ "$(read_mark cluster)" = "$1" ]; }
}

# True when the demonstration has a volume.
has_cluster() {
  local id
  id=$(cluster_plugin Id) || return 0
  cluster_is_ours "$id"
}

ensure_cluster() {
  local remounted=no
  if ! has_cluster; then
    note "Plugin $CLUSTER_PLUGIN is somebody else's: no volume is shown"
    return
  fi
  mark cluster "$(cluster_plugin Id)"
  mount_cluster && remounted=yes
  if ! cluster_plugin Id >/dev/null; then
    mark images
    scripts/plugins berth-cluster
    mark cluster "$(cluster_plugin Id)"
    docker plugin set $CLUSTER_PLUGIN "state.source=$CLUSTER_STATE" "cluster.source=$CLUSTER_SOURCE" \
      "CLUSTER_ROOT=$CLUSTER_ROOT" CLUSTER_FSTYPE=ext4
  elif [ $remounted = yes ] && [ "$(cluster_plugin Enabled)" = true ]; then
    # It was started with the host, before the shared mount point was there.
    quietly "The plugin could not be disabled" docker plugin disable --force $CLUSTER_PLUGIN
  fi
  enable_cluster
  ensure_volume
}

# True when it had to be mounted.
mount_cluster() {
  if mountpoint -q $CLUSTER_ROOT; then return 1; fi
  say "Mounting a file system of our own on $CLUSTER_ROOT"
  mkdir -p $CLUSTER_STATE $CLUSTER_ROOT
  if [ ! -e $CLUSTER_IMAGE ]; then
    truncate -s 256M $CLUSTER_IMAGE.new
    quietly "mkfs.ext4 failed" mkfs.ext4 -q $CLUSTER_IMAGE.new
    mv $CLUSTER_IMAGE.new $CLUSTER_IMAGE
  fi
  if ! mountpoint -q $CLUSTER_SOURCE; then
    quietly "mount failed" mount --rbind $CLUSTER_SOURCE $CLUSTER_SOURCE
    quietly "mount failed" mount --make-rshared $CLUSTER_SOURCE
  fi
  HELP="A machine that is itself a container needs loop devices: see losetup --find" \
    quietly "mount failed" mount -o loop $CLUSTER_IMAGE $CLUSTER_ROOT
}

enable_cluster() {
  if [ "$(cluster_plugin Enabled)" = false ]; then
    say "Enabling plugin $CLUSTER_PLUGIN"
    HELP="The plugin's own words stand in the engine's log: $(engine_log)" \
      quietly "The plugin could not be enabled" docker plugin enable $CLUSTER_PLUGIN
  fi
  HELP="Its file system is mounted on $CLUSTER_ROOT" quietly "The file system could not be prepared" \
    env BERTH_CLUSTER_SOCKET=$CLUSTER_STATE/berth/cluster/admin.sock \
    node_modules/node/bin/node cli/main.ts cluster init --yes
}

ensure_volume() {
  if labelled volume $VOLUME; then return; fi
  say "docker volume create --driver $CLUSTER_PLUGIN $VOLUME"
  HELP="The plugin's own words stand in the engine's log: $(engine_log)" \
    quietly "The volume could not be created" docker volume create --driver $CLUSTER_PLUGIN --label $LABEL $VOLUME
}

show_volume() {
  has_cluster || return 0
  say "A volume that both have:"
  note "docker exec ${CONTAINERS[0]} sh -c 'echo written by ${CONTAINERS[0]} >$VOLUME_PATH/note'"
  docker exec "${CONTAINERS[0]}" sh -c "echo written by ${CONTAINERS[0]} >$VOLUME_PATH/note" ||
    fail "The container has no volume" "It was made before volumes were shown: make down, then make up shows one."
  note "docker exec ${CONTAINERS[1]} cat $VOLUME_PATH/note"
  docker exec "${CONTAINERS[1]}" cat $VOLUME_PATH/note
}

# After the containers.
remove_cluster() {
  local id others each
  marked cluster || return 0
  if id=$(cluster_plugin Id) && cluster_is_ours "$id"; then
    others=$(docker volume ls --quiet --filter driver=$CLUSTER_PLUGIN | sed "/^$VOLUME\$/d" | xargs)
    [ -z "$others" ] ||
      fail "Plugin $CLUSTER_PLUGIN stays, since it has other volumes: $others" "Remove them, and run make down again."
    say "Removing plugin $CLUSTER_PLUGIN, with its volume"
    docker volume rm $VOLUME >/dev/null 2>&1 || true
    quietly "The plugin could not be removed" docker plugin rm --force $CLUSTER_PLUGIN
  fi
  for each in $CLUSTER_ROOT $CLUSTER_SOURCE; do
    ! mountpoint -q $each || quietly "$each could not be unmounted" umount $each
  done
  rm -rf --one-file-system $CLUSTER_FOLDER
  unmark cluster
}
