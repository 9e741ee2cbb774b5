# Nodes as processes of this machine: what up, node and down share (sourced by
# them, in the repository's root, after lib.sh).
#
# MUSTER_NET  the loopback net of the cluster: the balancer is its .42, nodes
#             are its .101 to .199 (that of the cluster in MUSTER_RUN, or 127.0.42)
# MUSTER_RUN  where the state of its nodes is, one folder each (.run). It is nobody
#             else's, nor can others write there
# MUSTER_KEY  the file of its gossip key, made when missing (.run/gossip.key);
#             empty: gossip is not encrypted
# shellcheck shell=sh

root=$PWD
run=${MUSTER_RUN:-$root/.run}
ours=

# started PID: when the process started, which tells it from a later one with its
# id; nothing when it has ended, even if nobody has reaped it yet.
started() { sed -n 's/.*) //; /^[^ZX]/p' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# running NAME: is its init alive?
running() {
    read -r pid birth 2>/dev/null <"$run/$1/pid" || return 1
    [ -n "$birth" ] && [ "$(started "$pid")" = "$birth" ]
}

address_of() { cat "$run/$1/address" 2>/dev/null || true; }

nodes() {
    for folder in "$run"/*/; do
        [ ! -f "$folder/pid" ] || basename "$folder"
    done
}

# owner ADDRESS PORT: who listens there, or at all addresses, as ss names it. It
# shows the processes of other users to root alone.
owner() {
    ss -Hltnp "sport = :$2" 2>/dev/null | awk -v address="$1" '
        { sub(/:[0-9]+$/, "", $4) }
        $4 == address || $4 == "0.0.0.0" || $4 == "*" || $4 == "[::]" {
            print match($0, /users:/) ? substr($0, RSTART) : "a process of another user"
            exit
        }'
}

# Where agents look for each other: the balancer, and nodes that any cluster has.
seeds() { echo "$net.42 $net.101 $net.102 $net.103"; }

# check_owner: nobody else may have put something there, or can exchange a folder on the
# way to it. Who owns the scripts, or the whole machine, need not do that.
check_owner() {
    place=$run
    set -- "$run"
    while [ "$place" != / ]; do
        place=${place%/*}
        place=${place:-/}
        set -- "$@" "$place"
    done
    # Those that are not there yet are left out.
    stat -c '%u %g %a %n' "$@" 2>/dev/null | while IFS=' ' read -r place; do
        set -f
        # shellcheck disable=SC2086 # a user, a group, a mode and a path
        check_place $place
    done || exit 111
    place=$run
    [ -e "$place" ] || place=${run%/*}
    [ ! -e "$place" ] || [ -w "$place" ] || refuse_place "is another user's"
}

# check_place USER GROUP MODE FOLDER
check_place() {
    user=$1 group=$2 mode=$3
    shift 3
    place=$*
    case $users in *" $user "*) ;; *) refuse_place "is another user's" ;; esac
    writers=$((0$mode & 0022))
    case $groups in *" $group "*) writers=$((writers & 0002)) ;; esac
    # In a folder like /tmp others can make something new, but exchange nothing.
    [ "$place" = "$run" ] || [ $((0$mode & 01000)) -eq 0 ] || writers=0
    [ "$writers" -eq 0 ] || refuse_place "can be written by others (its mode is $mode)"
}

refuse_place() { fail "$place $*: name a folder of your own in MUSTER_RUN, such as $root/.run2"; }

# check_folder: a cluster's folder is nobody else's, was empty when the cluster came
# into it, has one net, and a path that leaves room for those of sockets.
check_folder() {
    check_owner
    if [ -f "$run/.net" ]; then
        read -r its_net <"$run/.net"
        [ "$its_net" = "$net" ] ||
            fail "$run holds the cluster of $its_net: a cluster of $net needs a folder of its own (MUSTER_RUN=$root/.run2)"
    elif [ -e "$run" ] || [ -L "$run" ]; then
        others=$(find "$run/" -mindepth 1 ! -path "$run/.lock" -print -quit 2>&1) || others=$run
        [ -z "$others" ] ||
            fail "$run holds something else than a cluster: name an empty folder, or a new one, in MUSTER_RUN"
    fi
    check_path ha
}

# check_path BALANCER: the path of a Unix socket has at most 107 bytes, and HAProxy
# adds up to 12 of its own.
check_path() {
    [ "$(printf %s "$run/$1/haproxy-master.sock" | wc -c)" -le 95 ] ||
        fail "the path $run/$1 is too long for Unix sockets: choose a folder with a short one (MUSTER_RUN)"
}

# check_net: every address of 127.0.0.0/8 is this machine's, unless its loopback
# device is down, or has another network.
check_net() {
    case $(ip route get "$ha" 2>&1) in
        "local $ha "*) ;;
        *) fail "$ha is no address of this machine's: its loopback device has to be up with 127.0.0.1/8 ('ip address show lo' says how it is)" ;;
    esac
}

# check_ports: those of the balancer, unless it is ours that has them.
check_ports() {
    for port in 8080 1936 1940 9999 7946 7373; do
        owner=$(owner "$ha" $port)
        [ -z "$owner" ] || fail "$ha:$port is taken by $owner: end it, or choose another net (MUSTER_NET=127.0.45 MUSTER_RUN=$root/.run2 scripts/up)"
    done
}

# lock_folder: scripts that start or end something wait for each other, until the
# one closes descriptor 9 or ends. False where there is no folder, or no more: who
# ended the cluster meanwhile has removed it.
lock_folder() {
    while [ -d "$run" ]; do
        check_owner
        if ! is_our_lock && ! open_lock 2>/dev/null; then
            [ ! -d "$run" ] || fail "$run/.lock cannot be written: is the disk full?"
            continue
        fi
        flock 9
        ! is_our_lock || return 0
    done
    return 1
}

# Who can open a lock can hold it for ever.
open_lock() {
    mask=$(umask)
    umask 077
    code=0
    { command exec 9>>"$run/.lock"; } || code=$?
    umask "$mask"
    return $code
}

# is_our_lock: descriptor 9 is the lock that others would open.
is_our_lock() {
    [ "$(stat -Lc %d:%i "/proc/$$/fd/9" 2>/dev/null)" = "$(stat -c %d:%i "$run/.lock" 2>/dev/null || echo none)" ]
}

# take_turns: makes the folder, and locks it.
take_turns() {
    check_folder
    on_interrupt undo
    until lock_folder; do (umask 077 && mkdir -p "$run") || exit 111; done
    check_folder
    [ -f "$run/.net" ] || echo "$net" >"$run/.net"
}

# undo: ends the nodes that this run started, whose names are in $ours.
undo() {
    [ -z "$ours" ] || echo "${0##*/}: interrupted: ending what was started" >&2
    # The last one may have been started, but not yet been noted.
    last=$run/${ours##* }
    [ ! -f "$last/address" ] || [ -s "$last/pid" ] || echo "${!-} $(started "${!-}")" >"$last/pid"
    # Who comes now must not take for running what is ending.
    lock_folder || return 0
    # shellcheck disable=SC2086 # a list of names
    stop_gracefully $ours
    [ -n "$(nodes)" ] || rm -rf "${run:?}"
}

# free ADDRESS: no node of ours has it, and nobody else listens there.
free() {
    for name in $(nodes); do
        [ "$(address_of "$name")" != "$1" ] || ! running "$name" || return 1
    done
    [ -z "$(owner "$1" 7946)$(owner "$1" 7373)$(owner "$1" 3000)$(owner "$1" 8080)" ]
}

# address_for NAME: the one it had, else the lowest that is free.
address_for() {
    address=$(address_of "$1")
    if [ -n "$address" ] && free "$address"; then
        echo "$address"
        return
    fi
    last=101
    while [ $last -le 199 ]; do
        if free "$net.$last"; then
            echo "$net.$last"
            return
        fi
        last=$((last + 1))
    done
    fail "no address from $net.101 to $net.199 has its ports free:$(for port in 7946 7373 3000 8080; do
        owner=$(owner "$net.101" $port)
        [ -z "$owner" ] || echo " $port is taken by $owner"
    done)"
}

# launch NAME ADDRESS SERVICES [VARIABLE=VALUE ...]: a node's init, detached from
# the terminal and from the output of this script. What it says before it has its
# log, which is bounded, is there as well.
launch() {
    name=$1 address=$2 services=$3
    shift 3
    folder=$run/$name
    ours="$ours $name"
    # State of a machine that went down, and programs of an init that was killed.
    kill_leftovers "$folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    case $services in */ha/*) mkdir "$folder/nodes" "$folder/haproxy" ;; esac
    echo "$address" >"$folder/address"
    (umask 077 && : >"$folder/log")
    # shellcheck disable=SC2094 # both append to it
    env -i PATH="$root/target/bin:$root/ha/scripts:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        HOME="$folder" S6_KEEP_ENV=1 S6_SERVICES_GRACETIME=25000 INIT_PREFIX=1 MUSTER_NODE="$folder" \
        SERF_NODE="$name" SERF_BIND="$address" SERF_RPC_ADDR="$address:7373" \
        SERF_RPC_KEY_FILE="$folder/rpc.key" \
        INIT_TIME=1 SERF_KEY_FILE="${MUSTER_KEY-$run/gossip.key}" SERF_JOIN="$(seeds)" SERF_LOG="$folder/serf.log" \
        INIT_LOG_SIZE="${INIT_LOG_SIZE-}" INIT_LOG_RATE="${INIT_LOG_RATE-}" "$@" \
        setsid init --services "$services" --scandir "$folder/services" --log "$folder/log" \
        </dev/null >>"$folder/log" 2>&1 9>&- &
    echo "$! $(started $!)" >"$folder/pid"
}

# A balancer is told from a node by the folder of its configuration.
is_balancer() { [ -d "$run/$1/haproxy" ]; }

# What is policy is the caller's; an empty variable counts as one that is not set.
launch_balancer() {
    [ -r "${HAPROXY_TEMPLATE:-$root/ha/config/haproxy.cfg.tera}" ] ||
        fail "HAPROXY_TEMPLATE is '${HAPROXY_TEMPLATE-}', which is no file that can be read"
    launch "$1" "$2" "$root/ha/services" \
        ALLOW_LOOPBACK=1 NODES_DIR="$run/$1/nodes" \
        HAPROXY_TEMPLATE="${HAPROXY_TEMPLATE:-$root/ha/config/haproxy.cfg.tera}" \
        HAPROXY_CFG="$run/$1/haproxy/haproxy.cfg" \
        HAPROXY_SOCKET="$run/$1/haproxy.sock" HAPROXY_MASTER="$run/$1/haproxy-master.sock" \
        HAPROXY_LOOK_SOCKET="$run/$1/haproxy-look.sock" MUSTER_JOURNAL="$run/$1/muster.jsonl" \
        MUSTER_PAGE="${MUSTER_PAGE:-1}" MUSTER_PAGE_LISTEN="$2:1940" \
        MUSTER_PAGE_HOSTS="${MUSTER_PAGE_HOSTS-}" MUSTER_PAGE_SERVICES="$run/$1/services" \
        HEALTH_ADDRESS="$2:1936" NODE_HEALTH_MARK="$run/$1/health" \
        HAPROXY_HTTP="$2:8080" HAPROXY_STATS="$2:1936" HAPROXY_CLI_BIND="$2:9999" \
        SERF_ROLE="${SERF_ROLE-}" NODES_ALLOW="${NODES_ALLOW-}" NODES_DENY="${NODES_DENY-}" \
        NODES_HOLD="${NODES_HOLD-}" NODES_MAX_LOST="${NODES_MAX_LOST-}" \
        SERF_WATCH_EVERY="${SERF_WATCH_EVERY-}" SERF_WATCH_AGAIN="${SERF_WATCH_AGAIN-}" \
        HAPROXY_PROGRAM="${HAPROXY_PROGRAM-}" HAPROXY_NO_CHECK="${HAPROXY_NO_CHECK-}" \
        HAPROXY_TEMPLATE_LIMIT="${HAPROXY_TEMPLATE_LIMIT-}" \
        HAPROXY_RELOAD_EVERY="${HAPROXY_RELOAD_EVERY-}" \
        HAPROXY_RELOAD_TIMEOUT="${HAPROXY_RELOAD_TIMEOUT-}" \
        HAPROXY_HANGUP_AFTER="${HAPROXY_HANGUP_AFTER-}" \
        HAPROXY_LOG="$2"
}

launch_node() {
    launch "$1" "$2" "$root/webapp/services" \
        SERVER_NAME="$1" SERVER_IP="$2" SERVER_TAG=local WEBAPP_LISTEN="$2:${PORT:-3000}" \
        HEALTH_ADDRESS="$2:${PORT:-3000}" NODE_HEALTH_MARK="$run/$1/health" \
        PORT="${PORT-}" WEIGHT="${WEIGHT-}" SERVICE="${SERVICE-}"
}

# tree PID: the process and all that descend from it.
tree() {
    echo "$1"
    # shellcheck disable=SC2013 # words are what is wanted
    for child in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
        tree "$child"
    done
}

# of_folder OPTIONS FOLDER: the processes that a node has in it, by their environment.
of_folder() { grep -laz"$1" "MUSTER_NODE=$2" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }

# kill_leftovers FOLDER: ends what a killed init left behind. Ports are free only
# when it has ended, and for what cannot end nobody waits longer than ten seconds.
kill_leftovers() { within 10 without_leftovers "$1" || true; }

without_leftovers() {
    leftovers=$(of_folder xF "$1")
    [ -n "$leftovers" ] || return 0
    # shellcheck disable=SC2086 # a list of ids
    kill -9 $leftovers 2>/dev/null || true
    return 1
}

# end_strays: ends the nodes of a folder that was removed while they ran, which
# nobody else can; false when there are none.
end_strays() {
    signal_strays TERM || return
    within 30 without_strays || within 10 killed_strays || true
}

without_strays() { [ -z "$(of_folder F "$run/")" ]; }
killed_strays() { ! signal_strays KILL; }

# signal_strays SIGNAL: false when there are none.
signal_strays() {
    strays=$(of_folder F "$run/")
    [ -n "$strays" ] || return
    # shellcheck disable=SC2086 # a list of ids
    kill -s "$1" $strays 2>/dev/null || true
}

# wait_for NAME WHAT COMMAND...: until the command succeeds, a minute at most;
# then the last words in the log of the node NAME say why not.
wait_for() {
    log=$run/$1/log what=$2
    shift 2
    within 60 "$@" || {
        tail -n 5 "$log" >&2
        fail "waited a minute in vain for $what; above are the last lines of $log"
    }
}

# state NAME [BALANCER'S ADDRESS]: what its HAProxy says of a node.
state() {
    curl -s -m 2 "http://${2:-$ha}:1936/;csv" 2>/dev/null |
        awk -F, -v name="$1" '$2 == name && $1 !~ /^#/ { print $18; exit }'
}

in_rotation() { case $(state "$@") in UP*) ;; *) return 1 ;; esac; }

# in_rotation_at NAME ADDRESS: the same, and not what is left of an earlier one.
in_rotation_at() {
    in_rotation "$1" && grep -q "^$1 $2\( \|\$\)" "$run/ha/nodes/$1" 2>/dev/null
}

# stop_gracefully NAME...: all at once, and done when all their processes have ended.
stop_gracefully() {
    for name; do
        ! running "$name" || kill "$pid" 2>/dev/null || true
    done
    for name; do
        ! running "$name" || wait_for "$name" "the end of $name" ended "$name"
        kill_leftovers "$run/$name"
        rm -rf "${run:?}/$name"
    done
}

ended() { ! running "$1"; }

case $run in
    /*) ;;
    *) misuse "MUSTER_RUN is '$run', which is no absolute path" ;;
esac
# Processes are known by it, so it is the same through whatever link.
run=$(readlink -m "$run")
users=" $(id -u) $(stat -c %u "$root/scripts" / | tr '\n' ' ')"
groups=" $(id -g) $(stat -c %g "$root/scripts") "
check_owner
net=${MUSTER_NET:-$(cat "$run/.net" 2>/dev/null || echo 127.0.42)}
ha=$net.42
echo "$net" | grep -qxE '127(\.(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){2}' ||
    misuse "MUSTER_NET is '$net', which is no net like 127.0.42"
