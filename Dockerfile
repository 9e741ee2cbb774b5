# muster's two images. `docker build --target ha .` and `--target webapp .`
#
# build    the programs: the host's target/bin when it is there, else from source
# base     Debian, Serf, init and what every node has
# ha       base, HAProxy, rsyslog and the chain
# webapp   base and the web application
#
# The classic builder builds every stage before the target, so no stage may
# depend on something that not every machine has.
ARG DEBIAN=debian:trixie-slim

# ---------------------------------------------------------------- build
# Its own Debian: the programs are static, and only trixie has a cargo that is
# new enough (in its backports).
ARG BUILD=debian:trixie-slim
FROM ${BUILD} AS build
WORKDIR /src
# A pattern that matches nothing is no error as long as another source matches.
COPY Cargo.toml target/bi[n] /prebuilt/
COPY .certs/ /usr/local/share/ca-certificates/
RUN set -eu; [ ! -x /prebuilt/init ] || exit 0; \
    echo 'deb http://deb.debian.org/debian trixie-backports main' \
        >/etc/apt/sources.list.d/backports.list; \
    apt-get -o Acquire::Retries=3 update -q; \
    apt-get -o Acquire::Retries=3 install -qy --no-install-recommends -t trixie-backports \
        ca-certificates cargo gcc libc6-dev; \
    update-ca-certificates; rm -rf /var/lib/apt/lists/*
COPY Cargo.toml Cargo.lock ./
COPY bench bench
COPY crates crates
COPY scripts scripts
COPY tests tests
COPY webapp webapp
RUN if [ ! -x /prebuilt/init ]; then \
        CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt scripts/build; \
    fi
COPY ha ha
# Each image's own files, whole and in one place: one layer each.
RUN set -eu; \
    bin=/prebuilt; [ -x $bin/init ] || bin=target/bin; \
    install -D $bin/init /out/base/init; \
    install -D -t /out/base/usr/bin $bin/with-contenv $bin/from-s6-rc; \
    install -D -t /out/base/usr/local/bin $bin/svc $bin/svstat $bin/svscanctl \
        $bin/node-address $bin/serf-discover $bin/node-health ha/scripts/*; \
    install -D ha/lab/serf /out/base/opt/bin/serf; \
    ln -s ../local/bin/svc /out/base/usr/bin/s6-svc; \
    ln -s ../local/bin/svstat /out/base/usr/bin/s6-svstat; \
    ln -s ../local/bin/svscanctl /out/base/usr/bin/s6-svscanctl; \
    install -D -t /out/ha/usr/local/bin \
        $bin/serf-nodes $bin/serf-members $bin/serf-watch \
        $bin/haproxy-gen $bin/haproxy-reload $bin/haproxy-hangup $bin/muster-page; \
    install -D -m 644 ha/rsyslog/rsyslog.conf /out/ha/etc/rsyslog.conf; \
    mkdir -p /out/ha/config /out/ha/etc /out/webapp/etc; \
    cp -R ha/config/. /out/ha/config/; \
    cp -R ha/services /out/ha/etc/services.d; \
    install -D -t /out/ha/etc/services.d/rsyslog ha/rsyslog/service/run; \
    install -D /dev/null /out/ha/etc/services.d/ha/dependencies.d/rsyslog; \
    for event in join leave; do \
        install -D ha/lab/handler.sh /out/ha/serf-handlers/member-$event.sh; \
    done; \
    install -D -t /out/webapp/usr/local/bin $bin/webapp; \
    cp -R webapp/services /out/webapp/etc/services.d; \
    chmod -R u=rwX,go=rX /out; \
    find /out -path '*/services.d/*' \( -name run -o -name finish \) -exec chmod 755 {} +

# ---------------------------------------------------------------- base
FROM ${DEBIAN} AS base
LABEL org.opencontainers.image.title="muster" \
      org.opencontainers.image.authors="the maintainers of muster" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Nothing here needs root: engines let every user bind ports below 1024 inside a
# container, and what is written belongs to this user.
RUN set -eu; \
    apt-get -o Acquire::Retries=3 update -q; \
    apt-get -o Acquire::Retries=3 install -qy --no-install-recommends serf; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*; \
    groupadd --gid 4242 muster; \
    useradd --uid 4242 --gid 4242 --no-create-home --home-dir /run --shell /bin/bash muster; \
    install -d -o muster -g muster -m 700 /secrets; \
    install -d -o muster -g muster /nodes /serf-handlers /config /usr/local/etc/haproxy /etc/services.d; \
    chown -R muster:muster /run /var/log
COPY --from=build /out/base/ /
ENV SERF_JOIN=cluster SERF_KEY_FILE=/secrets/gossip.key SERF_RPC_KEY_FILE=/run/rpc.key \
    INIT_PREFIX=1 INIT_TIME=1 S6_KEEP_ENV=1 S6_SERVICES_GRACETIME=25000
USER muster
# Gossip between the containers. 7373, Serf's command port, is for them alone too: it
# listens on loopback.
EXPOSE 7946/tcp 7946/udp 7373
ENTRYPOINT ["/init"]
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["node-health"]

# ---------------------------------------------------------------- ha
FROM base AS ha
LABEL org.opencontainers.image.description="HAProxy that follows its cluster"
USER root
RUN set -eu; \
    apt-get -o Acquire::Retries=3 update -q; \
    apt-get -o Acquire::Retries=3 install -qy --no-install-recommends haproxy rsyslog; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /etc/rsyslog.d/* \
        /etc/rsyslog.conf; \
    chown -R muster:muster /run /var/log /usr/local/etc/haproxy
COPY --from=build /out/ha/ /
USER muster
# Healthy means: HAProxy answers, and the agent is a member. Whether there are nodes that
# serve is not its fault.
ENV ROLE=balancer TAG=ha HEALTH_PORT=1936 MUSTER_JOURNAL=/var/log/muster.jsonl \
    MUSTER_PAGE_LISTEN=0.0.0.0:1940
EXPOSE 80 1936 1940 9999
# Last, so that a release of the same files costs no layer of them.
ARG VERSION=
LABEL org.opencontainers.image.version="${VERSION}"

# ---------------------------------------------------------------- webapp
FROM base AS webapp
LABEL org.opencontainers.image.description="The web application behind the balancer"
COPY --from=build /out/webapp/ /
ENV ROLE=backend TAG=webapp HEALTH_PORT=3000
EXPOSE 3000
ARG VERSION=
LABEL org.opencontainers.image.version="${VERSION}"
