# Sourced, after marks.sh: the Docker Engine of this machine.
# shellcheck shell=bash

# Installs and starts what is missing.
ensure_engine() {
  if engine_answers; then return; fi
  [ -z "${DOCKER_HOST:-}" ] ||
    fail "No Docker Engine answers at DOCKER_HOST=$DOCKER_HOST" "Start it, or unset DOCKER_HOST to use this machine's own."
  if ! command -v dockerd >/dev/null || ! command -v "${DOCKER:-docker}" >/dev/null; then install_engine; fi
  say "Starting the Docker Engine"
  start_engine || fail "The Docker Engine did not start" "Why stands in its log: $(engine_log)" \
    "A machine that is itself a container needs to be a privileged one."
}

install_engine() {
  local packages=(docker.io ca-certificates iptables)
  # An engine on a kernel with AppArmor starts no container without its tools.
  if grep -qs Y /sys/module/apparmor/parameters/enabled; then packages+=(apparmor); fi
  apt_install "${packages[@]}"
}

start_engine() {
  if [ -d /run/systemd/system ]; then
    mark engine systemd
    systemctl start docker >/dev/null 2>&1 3>&-
    wait_for_engine
    return
  fi
  mark engine service
  if service docker start >/dev/null 2>&1 3>&- && wait_for_engine; then return; fi
  # The service script insists on limits that a container may not set: the engine itself does not.
  setsid dockerd </dev/null >>"$MARKS/dockerd.log" 2>&1 3>&- &
  mark engine $!
  wait_for_engine $!
}

# wait_for_engine [PID]: gives up early when that process ends.
wait_for_engine() {
  local deadline=$((SECONDS + 45))
  until engine_answers; do
    [ $SECONDS -lt $deadline ] || return 1
    [ -z "${1:-}" ] || [ -d "/proc/$1" ] || return 1
    sleep 0.3
  done
}

engine_log() {
  if [ -d /run/systemd/system ]; then
    echo "journalctl -u docker"
  elif [ -s "$MARKS/dockerd.log" ]; then
    echo "$MARKS/dockerd.log"
  elif [ -s /var/log/docker.log ]; then
    echo "/var/log/docker.log"
  else
    echo "wherever its output goes"
  fi
}

# Stops the engine that up started, unless containers run in it.
stop_engine() {
  local how
  marked engine || return 0
  how=$(read_mark engine)
  if [ -n "$(docker ps --quiet)" ]; then
    note "The Docker Engine stays: other containers run in it"
    return
  fi
  say "Stopping the Docker Engine"
  case $how in
    systemd) systemctl stop docker.socket docker >/dev/null 2>&1 ;;
    service) service docker stop >/dev/null 2>&1 ;;
    *) stop_process "$how" dockerd ;;
  esac || note "It did not stop; see $(engine_log)"
}

# stop_process PID NAME: the name guards against an id that something else has by now.
stop_process() {
  local deadline=$((SECONDS + 30))
  [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ] || return 0
  kill "$1"
  while [ "$(cat "/proc/$1/comm" 2>/dev/null)" = "$2" ]; do
    [ $SECONDS -lt $deadline ] || return 1
    grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null && return
    sleep 0.2
  done
}
