# The image holds the binary, the libraries it links, and nothing that runs as root.
FROM debian:13-slim AS build
WORKDIR /src
COPY . .
RUN scripts/setup \
 && cmake --preset release -DPLIMSOLL_TESTS=OFF -DPLIMSOLL_BENCH=OFF \
 && cmake --build --preset release \
 && strip build/release/plimsoll

FROM debian:13-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libcpp-httplib0.18 libfmt10 libmimalloc3 libsimdjson25 libspdlog1.15 libssl3t64 libyaml-0-2 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/plimsoll /usr/local/bin/plimsoll
USER 65532:65532
EXPOSE 8443 8080
ENTRYPOINT ["/usr/local/bin/plimsoll"]
CMD ["serve", "--tls-cert", "/etc/plimsoll/tls/tls.crt", "--tls-key", "/etc/plimsoll/tls/tls.key"]
