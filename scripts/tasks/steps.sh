# shellcheck shell=sh
# What the tasks are made of: a line of explanation, then something that is
# done, and kept as evidence.

# shellcheck source=scripts/containers.sh
. scripts/containers.sh

evidence=
url() { echo "http://$(setting PUBLISH 127.0.0.1):$(setting "$1" "$2")"; }

say() { printf '\n-- %s\n' "$*"; }

static_system() {
    reported -p muster-static -f scripts/tasks/static.yml --project-directory . "$@"
}

# begin N: an empty system, an empty folder for what it leaves.
begin() {
    printf '\n==== task %s ====\n' "$1"
    evidence=logs/task$1
    rm -rf "$evidence"
    mkdir -p "$evidence"
    at_end end
    end
}

end() {
    # What a task that was interrupted has left: its browser's files, its visitor.
    [ -z "${visitor_id-}" ] || kill "$visitor_id" 2>/dev/null || true
    rm -rf "$evidence/.browser" "$evidence/stop" "$evidence/codes"
    {
        compose --profile two down --volumes --remove-orphans
        static_system down --volumes
    } >/dev/null 2>&1 || true
}

# keep FILE COMMAND...: shows what the command says, and keeps it without the
# paths of this machine.
keep() {
    file=$evidence/$1
    shift
    "$@" 2>&1 | sed -e "s|$PWD|.|g" -e 's|\r$||' -e 's|\x1b\[[0-9;]*m||g' >"$file"
    echo "   $file:"
    head -n 12 "$file" | cut -c 1-110 | sed 's/^/   | /'
    [ "$(wc -l <"$file")" -le 12 ] || echo "   | ..."
}

# picture FILE: the statistics page as a browser shows it.
picture() {
    profile=$PWD/$evidence/.browser
    mkdir "$profile"
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$profile" --hide-scrollbars --window-size=1500,640 \
        --screenshot="$PWD/$evidence/$1" "$(url STATS_PORT 1936)/" >"$profile/log" 2>&1 ||
        { cat "$profile/log" >&2; return 111; }
    rm -rf "$profile"
    echo "   $evidence/$1"
}

# system N: a balancer and N nodes; returns when all serve.
system() {
    reported up -d --no-build --no-recreate --scale "webapp=$1"
    wait_serving "$1"
    nodes_table | sed 's/^/   | /'
}

# The balancer alone.
balancer() {
    reported up -d --no-build --scale webapp=0 ha
    await 60 "the statistics page" curl -sf -o /dev/null "$(url STATS_PORT 1936)/"
}

container() {
    docker ps -q -f "label=com.docker.compose.project=$(setting COMPOSE_PROJECT_NAME muster)" \
        -f "label=com.docker.compose.service=$1" \
        -f "label=com.docker.compose.container-number=${2-1}"
}
in_balancer() { docker exec "$(container ha)" "$@"; }
running() { docker ps -f label=com.docker.compose.project --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}'; }

# await SECONDS WHAT COMMAND...
await() {
    seconds=$1 what=$2
    shift 2
    within "$seconds" "$@" || fail "waited in vain for $what"
}
