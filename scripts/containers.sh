#!/bin/sh
# The container mode of scripts/up and scripts/down: scripts/containers.sh
#   up [N]   builds, starts a balancer and N nodes (3), returns when all serve
#   down     ends them, and removes what is theirs
#   build    builds the images and prints their sizes
# scripts/task sources it, for its functions.
# Exit: 0 done, 100 used wrongly, 111 something failed, 130 interrupted, and what
# was started has ended.
set -eu
# shellcheck source=scripts/lib.sh
. "$(dirname "$(readlink -f "$0")")/lib.sh"

# Version 2 is a plugin of docker, version 1 a program of its own.
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        docker-compose "$@"
    fi
}

# What .env and the environment say, as compose reads it: the environment wins.
setting() {
    eval "value=\${$1-}"
    [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null)
    echo "${value:-$2}"
}

need_engine() {
    scripts/require curl column
    scripts/engine || fail "'scripts/up' without --docker needs none"
    compose version >/dev/null 2>&1 || scripts/require docker-compose
}

build_images() {
    need_engine
    mkdir -p .certs
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$certificate" ] || cp "$certificate" .certs/
    done
    release=$(setting DEBIAN debian:trixie-slim)
    # Only what has to be compiled there needs another Debian to build in.
    builder=$release
    [ -x target/bin/init ] || builder=debian:trixie-slim
    for image in "$release" "$builder"; do
        case $image in
            debian:*-slim) scripts/base-image "$(expr "$image" : 'debian:\(.*\)-slim')" ;;
        esac
    done
    BUILD=$builder VERSION=$(version) reported build
    image_sizes
}

# reported ARGUMENTS...: compose, in silence unless it fails. Then its last words,
# and the remedy for what happens most.
reported() {
    if words=$(compose "$@" 2>&1); then return; fi
    echo "$words" | tail -n 40 >&2
    case $words in
        *"address already in use"* | *"port is already allocated"*)
            fail "a port is taken ('ss -ltnp' says by whom): end that, or choose others in .env (HTTP_PORT, STATS_PORT, CLI_PORT, PAGE_PORT)"
            ;;
        *overlap*)
            fail "the subnet $(setting NETWORK_SUBNET 192.168.42.0/24) is taken ('docker network ls' and 'ip route' say by whom): choose another in .env (NETWORK_SUBNET, HA_PROXY_IP and NODE_RANGE together)"
            ;;
        *) fail "compose failed (its last words are above)" ;;
    esac
}

# Beside them what the lab's own images weighed.
image_sizes() {
    tag=$(setting IMAGE_TAG latest)
    for row in "$(setting DEBIAN debian:trixie-slim) the_base" \
        "muster/ha:$tag the_lab's:_233_to_358_MB" \
        "muster/webapp:$tag the_lab's:_701_MB_to_1.13_GB"; do
        image=${row%% *}
        bytes=$(docker image inspect -f '{{.Size}}' "$image")
        printf '%-22s %4d MB  (%s)\n' "$image" $((bytes / 1000000)) "$(echo "${row#* }" | tr _ ' ')"
    done
}

# The nodes as HAProxy sees them: name, state.
nodes_table() {
    curl -sf "http://$(setting PUBLISH 127.0.0.1):$(setting STATS_PORT 1936)/;csv" |
        awk -F, '$1 == "nodes" && $2 != "BACKEND" { print $2, $18 }' | column -t
}

serving() { [ "$(nodes_table | grep -c 'UP$')" -eq "$1" ]; }

# Until N nodes are up, for three minutes at most.
wait_serving() {
    within 180 serving "$1" || {
        nodes_table >&2
        compose ps >&2
        fail "not $1 nodes after three minutes, but those above ('docker logs' of a container says more)"
    }
}

# The containers that there are of ours, by name.
containers() {
    for id in $(compose --profile two ps -aq); do
        docker inspect -f '{{.Name}}' "$id"
    done
}

volumes() { docker volume ls -q -f "label=com.docker.compose.project=$(setting COMPOSE_PROJECT_NAME muster)"; }

# end_started: ends what this run started. $before and $kept are what was there already.
end_started() {
    echo "${0##*/}: interrupted: ending what was started" >&2
    if [ -z "$before" ]; then
        set -- --volumes
        [ -z "$kept" ] || shift
        compose down --remove-orphans "$@" >/dev/null 2>&1 || true
        return
    fi
    for name in $(containers | grep -vxF "$before"); do
        docker stop -t 30 "$name" >/dev/null || true
        docker rm -f "$name" >/dev/null || true
    done
}

# Told before a build that takes minutes.
check_ports_published() {
    scripts/require ss
    # shellcheck source=scripts/local.sh
    . scripts/local.sh
    publish=$(setting PUBLISH 127.0.0.1)
    for port in "$(setting HTTP_PORT 80)" "$(setting STATS_PORT 1936)" "$(setting CLI_PORT 9999)" "$(setting PAGE_PORT 1940)"; do
        owner=$(owner "$publish" "$port")
        [ -z "$owner" ] ||
            fail "$publish:$port is taken by $owner: end it, or choose others in .env (HTTP_PORT, STATS_PORT, CLI_PORT, PAGE_PORT)"
    done
}

# up_docker [N]: builds, starts a balancer and N nodes (3), waits until all serve.
up_docker() {
    need_engine
    before=$(containers) kept=$(volumes)
    [ -n "$before" ] || check_ports_published
    on_interrupt end_started
    build_images
    reported up -d --no-build --remove-orphans --scale "webapp=${1:-3}"
    wait_serving "${1:-3}"
    nodes_table
    publish=$(setting PUBLISH 127.0.0.1)
    [ "$(setting MUSTER_PAGE 1)" != 1 ] || echo "the cluster:  http://$publish:$(setting PAGE_PORT 1940)/"
    echo "serves:       http://$publish:$(setting HTTP_PORT 80)/"
    echo "statistics:   http://$publish:$(setting STATS_PORT 1936)/"
    echo "command line: $publish:$(setting CLI_PORT 9999)"
    echo "more nodes:   scripts/up --docker 5;   the end: scripts/down --docker"
}

down_docker() {
    need_engine
    compose --profile two down --volumes --remove-orphans
}

case ${script##*/}:$* in
    containers.sh:up | "containers.sh:up "[1-9] | "containers.sh:up "[1-9][0-9]) up_docker "${2-}" ;;
    containers.sh:down) down_docker ;;
    containers.sh:build) build_images ;;
    containers.sh:*) misuse "not one of its uses: '$*'" ;;
esac
