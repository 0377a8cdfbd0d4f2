# A target per image. scripts/plugins builds them: it stages in dist/build the Node binary that npm installed, and the
# packages needed at run time, so that nothing is fetched here where the base image has tini and CA certificates.
ARG BASE_IMAGE=debian:bookworm-slim

FROM $BASE_IMAGE AS system
LABEL berth.image=build
RUN { command -v tini && test -e /etc/ssl/certs/ca-certificates.crt; } \
    || { apt-get update && apt-get install -y --no-install-recommends tini ca-certificates; }
COPY dist/build/node /usr/local/bin/node
# Programs come with the libraries that they load.
RUN set -eu; \
    mkdir -p /rootfs/state /rootfs/run /rootfs/proc /rootfs/sys /rootfs/dev; \
    mkdir -m 1777 /rootfs/tmp; \
    for program in /usr/local/bin/node /usr/bin/tini; do \
      echo "$program"; \
      ldd "$program" | grep -o '/[^ ]*'; \
    done | sort -u | xargs cp --dereference --parents --target-directory=/rootfs; \
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

FROM runtime AS ipam-plugin
COPY ipam-plugin /berth/ipam-plugin
