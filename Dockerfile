# A target per image. scripts/plugins builds them: it stages in dist/build the Node binary that npm installed, and the
# packages needed at run time, so that nothing is fetched here where the base image has what is asked of it.
ARG BASE_IMAGE=debian:bookworm-slim

FROM $BASE_IMAGE AS system
LABEL berth.image=build
RUN { command -v tini && test -e /etc/ssl/certs/ca-certificates.crt; } \
    || { apt-get update && apt-get install -y --no-install-recommends tini ca-certificates; }
COPY dist/build/node /usr/local/bin/node
COPY scripts/copy-programs /usr/local/bin/
RUN set -eu; \
    mkdir -p /rootfs/state /rootfs/run /rootfs/proc /rootfs/sys /rootfs/dev; \
    mkdir -m 1777 /rootfs/tmp; \
    copy-programs /rootfs /usr/local/bin/node /usr/bin/tini; \
    cp --dereference --parents --target-directory=/rootfs \
      /etc/ssl/certs/ca-certificates.crt /etc/nsswitch.conf /etc/passwd /etc/group

FROM system AS packages
COPY dist/build/node_modules /node_modules
# Sources, types and other platforms' binaries are not needed at run time.
RUN set -eu; cd /node_modules; \
    platform="linux-$(node -p process.arch)"; \
    find . -path '*/prebuilds/*' -prune ! -path "*/prebuilds/$platform" -exec rm -r {} +; \
    rm -rf classic-level/deps; \
    find . -name '*.musl.node' -delete; \
    find . -type f \( -name '*.md' -o -name '*.map' -o -name '*.d.*ts' -o -name '*.cc' \) -delete

FROM scratch AS runtime
LABEL berth.image=runtime
COPY --from=system /rootfs /
COPY --from=packages /node_modules /berth/node_modules
COPY package.json /berth/
COPY shared /berth/shared

FROM runtime AS cli
LABEL berth.image=cli
COPY cli /berth/cli
ENTRYPOINT ["/usr/bin/tini", "--", "/usr/local/bin/node", "/berth/cli/main.ts"]

# Node's compile cache, filled by one start: without it every start loads Node's own compiler to strip the types, which
# takes twice the time and 25 MB. A plugin that does not start here merely has none.
# The flags are those of the manifest's entrypoint: the cache is keyed by them.
FROM system AS compiling
WORKDIR /berth
ENV NODE_COMPILE_CACHE=/berth/.compiled DATA_DIR=/tmp PLUGIN_SOCKET=/tmp/plugin.sock
RUN mkdir $NODE_COMPILE_CACHE
COPY --from=packages /node_modules node_modules
COPY package.json ./
COPY shared shared

FROM compiling AS ipam-compiled
COPY ipam-plugin ipam-plugin
RUN timeout 3 node --expose-gc ipam-plugin/main.ts; true

FROM runtime AS ipam-plugin
COPY ipam-plugin /berth/ipam-plugin
COPY --from=ipam-compiled /berth/.compiled /berth/.compiled

FROM compiling AS volume-compiled
COPY volume-plugin volume-plugin
RUN MODE=ssd MOUNT_ROOT=/tmp/mounts timeout 3 node --expose-gc volume-plugin/main.ts; true
RUN MODE=cluster MOUNT_ROOT=/tmp/mounts timeout 3 node --expose-gc volume-plugin/main.ts; true
# What asks the cluster file system is a process of its own, with flags of its own.
RUN echo | timeout 3 node volume-plugin/cluster/hand.ts; true

FROM system AS volume-tools
RUN command -v mkfs.xfs || { apt-get update && apt-get install -y --no-install-recommends xfsprogs e2fsprogs mount; }
RUN mkdir -p /rootfs-tools/mounts /rootfs-tools/cluster \
    && copy-programs /rootfs-tools /usr/bin/mount /usr/bin/umount /usr/bin/rm /usr/bin/flock /usr/bin/partx \
      /usr/bin/chattr /usr/sbin/blkid /usr/sbin/blockdev /usr/sbin/wipefs /usr/sbin/blkdiscard /usr/sbin/mkfs.xfs

FROM runtime AS volume-plugin
COPY --from=volume-tools /rootfs-tools /
COPY volume-plugin /berth/volume-plugin
COPY --from=volume-compiled /berth/.compiled /berth/.compiled
