#!/bin/sh
# The container mode of scripts/up and scripts/down: scripts/containers.sh
#   up [N]   builds, starts a balancer and N nodes (3), returns when all serve
#   down     ends them, and removes what is theirs
#   build    builds the images and prints their sizes
# scripts/task sources it, for its functions, from the root of the project.
# Exit: 0 done, 100 used wrongly, 111 something failed.

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
    for program in docker curl column; do
        scripts/require "$program" || return
    done
    if ! docker info >/dev/null 2>&1; then
        echo "no Docker engine answers ('docker info' says why); 'scripts/up' without --docker needs none" >&2
        return 111
    fi
    compose version >/dev/null 2>&1 || scripts/require docker-compose
}

build_images() {
    need_engine || return
    mkdir -p .certs
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$certificate" ] || cp "$certificate" .certs/
    done
    scripts/base-image || return
    release=$(setting DEBIAN debian:trixie-slim)
    case $release in
        debian:trixie-slim) ;;
        debian:*-slim) scripts/base-image "$(expr "$release" : 'debian:\(.*\)-slim')" || return ;;
    esac
    log=$(mktemp)
    if ! compose build >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        return 111
    fi
    rm -f "$log"
    image_sizes
}

# Beside them what the lab's own images weighed.
image_sizes() {
    for row in "$(setting DEBIAN debian:trixie-slim) the_base" \
        "muster/ha:0.1.0 the_lab's:_233_to_358_MB" \
        "muster/webapp:0.1.0 the_lab's:_701_MB_to_1.13_GB"; do
        image=${row%% *}
        bytes=$(docker image inspect -f '{{.Size}}' "$image") || return
        printf '%-22s %4d MB  (%s)\n' "$image" $((bytes / 1000000)) "$(echo "${row#* }" | tr _ ' ')"
    done
}

# The nodes as HAProxy sees them: name, state.
nodes_table() {
    curl -sf "http://$(setting PUBLISH 127.0.0.1):$(setting STATS_PORT 1936)/;csv" |
        awk -F, '$1 == "nodes" && $2 != "BACKEND" { print $2, $18 }' | column -t
}

# Until N nodes are up, for three minutes at most.
wait_serving() {
    deadline=$(($(date +%s) + 180))
    while [ "$(nodes_table | grep -c 'UP$')" -ne "$1" ]; do
        if [ "$(date +%s)" -gt "$deadline" ]; then
            echo "not $1 nodes, but after three minutes:" >&2
            nodes_table >&2
            compose ps >&2
            return 111
        fi
        sleep 0.2
    done
}

# up_docker [N]: builds, starts a balancer and N nodes (3), waits until all serve.
up_docker() {
    case ${1:-3} in *[!0-9]*) echo "a number of nodes, not $1" >&2; return 100 ;; esac
    build_images || return
    compose up -d --no-build --remove-orphans --scale "webapp=${1:-3}" || return
    wait_serving "${1:-3}" || return
    nodes_table
    publish=$(setting PUBLISH 127.0.0.1)
    echo "serves:       http://$publish:$(setting HTTP_PORT 80)/"
    echo "statistics:   http://$publish:$(setting STATS_PORT 1936)/"
    echo "command line: $publish:$(setting CLI_PORT 9999)"
    echo "more nodes:   scripts/up --docker 5;   the end: scripts/down --docker"
}

down_docker() {
    need_engine || return
    compose --profile two down --volumes --remove-orphans
}

case ${0##*/} in
    containers.sh)
        set -eu
        cd "$(dirname "$0")/.."
        case ${1-} in
            up) shift; up_docker "$@" ;;
            down) down_docker ;;
            build) build_images ;;
            *) sed -n '2,7s/^# //p' "$0" >&2; exit 100 ;;
        esac
        ;;
esac
