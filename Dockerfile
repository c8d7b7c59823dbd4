# Plimsoll's image: the binary, the libraries it links, their licences. No shell, no package manager, no root.
#
#   docker build -t plimsoll .
#   docker build -t plimsoll --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) --build-arg REVISION=$(git rev-parse HEAD) .
#
# Needs BuildKit. The same tree and the same packages give the same layer: tests/image builds it twice.
ARG BASE=debian:trixie-slim
FROM ${BASE} AS build
WORKDIR /src
# What the build needs changes less often than what is built.
COPY scripts/setup scripts/setup
RUN scripts/setup --build-only
COPY . .
# Set, it compiles all of it anew, whatever an earlier build has left.
ARG CCACHE_DISABLE
# Release is the preset's build without debug information: the binary is stripped, and its build id should not tell where
# and how it was compiled.
RUN --mount=type=cache,id=plimsoll-ccache,target=/root/.cache/ccache \
    if [ -z "$CCACHE_DISABLE" ]; then unset CCACHE_DISABLE; fi \
 && cmake --preset release -DCMAKE_BUILD_TYPE=Release -DPLIMSOLL_TESTS=OFF -DPLIMSOLL_BENCH=OFF \
 && cmake --build --preset release --target plimsoll
ARG SOURCE_DATE_EPOCH=0
RUN mkdir /rootfs \
 && SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH scripts/rootfs build/release/plimsoll "/rootfs/$SOURCE_DATE_EPOCH"

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=https://plimsoll.dev
LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="Refuses pods loaded with more privilege than they need" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.licenses="Apache-2.0"
# BuildKit knows a layer by the contents of its files, not by their times: the name tells one from another.
ARG SOURCE_DATE_EPOCH=0
COPY --from=build /rootfs/${SOURCE_DATE_EPOCH} /
USER 65532:65532
EXPOSE 8443 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["/usr/local/bin/plimsoll", "health"]
ENTRYPOINT ["/usr/local/bin/plimsoll"]
CMD ["serve"]
