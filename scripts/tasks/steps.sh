# shellcheck shell=sh
# What the tasks are made of: a step that says what is done and what to look at,
# then something that is done, and kept as evidence.

# shellcheck source=scripts/containers.sh
. scripts/containers.sh

# $scratch: what a running task needs; $evidence, in it: what it leaves.
# $project: the compose project that it works on.
# $cluster_at: where its balancer shows the cluster as a page, which it does whatever
# .env says.
export MUSTER_PAGE=1
look=
visitor=
follower=
cluster_at=
url() { echo "http://$(setting PUBLISH 127.0.0.1):$(setting "$1" "$2")"; }

# How compose is called here.
compose_words() { if docker compose version >/dev/null 2>&1; then echo docker compose; else echo docker-compose; fi; }

# ---- a demonstration

welcome() {
    printf 'A demonstration: each step waits for you. Have these open in a browser:\n'
    addresses
    enter "builds the images and begins"
}

addresses() {
    printf '   statistics   %s/\n   page         %s/\n' "$(url STATS_PORT 1936)" "$(url HTTP_PORT 80)"
    [ -z "$cluster_at" ] || printf '   cluster      %s\n' "$cluster_at"
}

# enter WHAT: waits until somebody says so.
enter() {
    printf '   Enter %s: ' "$1"
    read -r _ <&3 && return
    echo
    fail "--live waits for Enter, and there is nobody to press it: its input has ended (run it in a terminal, or without --live)"
}

# step WHAT LOOK: what is done, and what it shows. A demonstration needs both
# before; else the second comes when it has been done.
step() {
    looked
    printf '\n-- %s\n' "$1"
    look=$2
    [ -n "${live-}" ] || return 0
    looked
    addresses
    printf '   nodes        %s\n' "$nodes_at"
    enter "does it"
}

looked() {
    [ -z "$look" ] || printf '   Look at: %s\n' "$look"
    look=
}

# ---- a task from its beginning to its end

# begin N: an empty system, and an empty folder for what it leaves.
begin() {
    printf '\n==== task %s ====\n' "$1"
    scratch=$(mktemp -d "$PWD/target/task.XXXXXX")
    evidence=$scratch/task$1
    mkdir "$evidence"
    project=$(setting COMPOSE_PROJECT_NAME muster)
    nodes_at="$(compose_words) exec ha ls /nodes"
    cluster_at=$(url PAGE_PORT 1940)/
    at_end end
    nothing_runs
}

# However a task ends.
end() {
    rm -f "$scratch/asks" "$scratch/follows"
    # shellcheck disable=SC2086 # ids, where there are any
    wait $visitor $follower || true
    visitor='' follower=''
    nothing_runs
    rm -rf "$scratch"
}

nothing_runs() {
    {
        compose --profile two down --volumes --remove-orphans
        compose -p "$(setting COMPOSE_PROJECT_NAME muster)-static" -f scripts/tasks/static.yml down --volumes --remove-orphans
    } >/dev/null 2>&1 || true
}

# A task that has been done: what it leaves replaces what the last run left.
finish() {
    looked
    [ -z "$live" ] || step "The end of this task: what it started ends" "all of it, once more"
    trap '' INT TERM HUP
    rm -rf "logs/${evidence##*/}"
    mv "$evidence" logs/
    trap 'exit 130' INT TERM HUP
    end
}

# ---- evidence

# keep FILE COMMAND...: keeps what the command says, without the paths of this
# machine, and shows its beginning. A command that fails is the end.
keep() {
    file=$1
    shift
    # In another shell, and no condition, so that it ends at its first failure.
    set +e
    (
        set -e
        "$@"
    ) >"$scratch/said" 2>&1
    code=$?
    set -e
    sed -e "s|$scratch|.|g" -e "s|$PWD|.|g" -e 's|\r$||' -e 's|\x1b\[[0-9;]*m||g' "$scratch/said" >"$evidence/$file"
    echo "   logs/${evidence##*/}/$file:"
    head -n 12 "$evidence/$file" | cut -c 1-110 | sed 's/^/   | /'
    [ "$(wc -l <"$evidence/$file")" -le 12 ] || echo "   | ..."
    [ $code -eq 0 ] || fail "what should have given $file failed with $code, after: $(tail -n 5 "$scratch/said")"
}

# shown COMMAND...: as in a terminal: a line of words, then what it says.
shown() {
    printf '$ %s\n' "$*"
    sh -c "$*"
}

# picture NAME: the statistics page as a browser shows it, and in NAME.txt the
# nodes in it.
picture() { taken "$1" "$(url STATS_PORT 1936)/" 1500,640 nodes_table; }

# page_picture NAME: the same of the page of the cluster, and in NAME.txt what it
# says in words.
page_picture() { taken "$1" "$(url PAGE_PORT 1940)/" 1240,1000 page_words; }

# That not all is well (1) is something to show, too.
page_words() { in_balancer muster-page --once || [ $? -eq 1 ]; }

# taken NAME ADDRESS WIDTH,HEIGHT COMMAND: the picture and what the command says, which
# is the same before as after.
taken() {
    tries=5
    while :; do
        "$4" >"$evidence/$1.txt" || fail "no words for the picture $1: $4 failed"
        screenshot "$evidence/$1.png" "$2" "$3"
        "$4" >"$scratch/after" || fail "no words for the picture $1: $4 failed"
        [ "$(lasting "$evidence/$1.txt")" != "$(lasting "$scratch/after")" ] || break
        tries=$((tries - 1))
        [ $tries -gt 0 ] || fail "what is seen changed each time that its picture was taken"
    done
    echo "   logs/${evidence##*/}/$1.png, and in $1.txt:"
    head -n 12 "$evidence/$1.txt" | cut -c 1-110 | sed 's/^/   | /'
}

# lasting FILE: its words without times, which go on.
lasting() { sed -E 's/[0-9]+ (ms|s|min|h|days)\b//g; s/[0-9]+:[0-9]+:[0-9]+(\.[0-9]+)?//g; s/ +/ /g' "$1"; }

screenshot() {
    mkdir "$scratch/browser"
    timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$scratch/browser" --hide-scrollbars --window-size="$3" \
        --screenshot="$1" "$2" >"$scratch/browser.log" 2>&1 ||
        fail "chromium took no picture: $(tail -n 5 "$scratch/browser.log")"
    rm -rf "$scratch/browser"
}

running() {
    docker ps -f "label=com.docker.compose.project=$project" \
        --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}'
}

# The three containers of the lab, as the engine has them.
inspected() {
    keep docker-ps.txt running
    keep inspect-ha.json docker inspect "$(container ha)"
    keep inspect-s1.json docker inspect "$(container webapp 1)"
    keep inspect-s2.json docker inspect "$(container webapp 2)"
}

# processes FILE: the tree of those in ha, at a moment when the chain does nothing (it
# looks after everything now and then).
processes() {
    await 60 "one master, one worker and nothing at work beside them" at_rest
    keep "$1" cat "$scratch/processes"
}
at_rest() {
    docker top "$(container ha)" -eo pid,ppid,args --forest >"$scratch/processes"
    ! grep -qE 'defunct|haproxy-(reload|gen)|serf-nodes|serf-members|bin/member-event' "$scratch/processes" &&
        [ "$(grep -c 'haproxy .*-W' "$scratch/processes")" -eq 2 ]
}

# ---- the system

# system N: a balancer and N nodes; returns when all serve.
system() {
    reported up -d --no-build --no-recreate --scale "webapp=$1"
    wait_serving "$1"
}

# The balancer alone.
balancer() {
    reported up -d --no-build --scale webapp=0 ha
    await 60 "the statistics page" curl -sf -o /dev/null "$(url STATS_PORT 1936)/"
}

# container SERVICE [NUMBER]: its name.
container() {
    docker ps --format '{{.Names}}' -f "label=com.docker.compose.project=$project" \
        -f "label=com.docker.compose.service=$1" \
        -f "label=com.docker.compose.container-number=${2-1}"
}
in_balancer() { docker exec "$(container ha)" "$@"; }
in_log() { in_balancer grep -qs "$1" /var/log/serf.log; }

# await SECONDS WHAT COMMAND...
await() {
    seconds=$1 what=$2
    shift 2
    within "$seconds" "$@" || fail "waited in vain for $what"
}

# ---- a visitor

# visit: asks without a pause to speak of, until `visited`.
visit() {
    page=$(url HTTP_PORT 80)/ answers=0
    : >"$scratch/asks"
    while [ -e "$scratch/asks" ]; do
        curl -s -m 5 -o /dev/null -w '%{http_code}\n' "$page" || true
        sleep 0.01
    done >"$scratch/codes" &
    visitor=$!
}

# asked N: whether it has N answers more than when this was true last.
asked() {
    [ "$(wc -l <"$scratch/codes")" -ge $((answers + $1)) ] && answers=$(wc -l <"$scratch/codes")
}

# visited FILE: what the visitor got.
visited() {
    rm "$scratch/asks"
    wait "$visitor"
    visitor=
    keep "$1" answers_by_code
}

answers_by_code() {
    sort "$scratch/codes" | uniq -c |
        awk '{ print $1, $2 == "000" ? "requests without an answer" : "answers with " $2 }'
}
