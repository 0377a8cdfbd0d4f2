#!/usr/bin/env bash
# The first process of a lab's host, in namespaces of its own: gives the host its own folders at the engine's default paths,
# then waits and reaps. When it ends, the kernel ends all that runs on the host: a power cut.
set -euo pipefail
folder=$1 name=$2 engines=$3

mount --make-rshared /
mount --bind "$engines" "$folder/engines"
mount --bind "$folder/var-lib" /var/lib
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc,workdir=$folder/etc-work" /etc
mount --bind "$folder/run" /run
echo "$name" >/proc/sys/kernel/hostname
touch "$folder/ready"

trap 'exit 0' TERM
while :; do
  sleep 3600 &
  wait $! || true
done
