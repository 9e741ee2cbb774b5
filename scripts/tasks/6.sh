# shellcheck shell=sh disable=SC2154
# Task 6: HAProxy takes every change while it serves.

# What was done, and each change of HAProxy's list, with the second.
event() { printf '%4d s  %s\n' $(($(date +%s) - start)) "$*" >>"$scratch/timeline"; }
list() { nodes_table | sort | awk '{ printf "%s%s %s", sep, $1, $2; sep = ", " }'; }
follow() {
    known=
    : >"$scratch/follows"
    while [ -e "$scratch/follows" ]; do
        now=$(list)
        [ -z "$now" ] || [ "$now" = "$known" ] || event "  list: $now"
        known=$now
        sleep 0.1
    done &
    follower=$!
}
followed() {
    rm "$scratch/follows"
    wait "$follower"
    follower=
}

# seen NAME: the pictures and the containers of a step.
seen() {
    picture "stats-$1"
    page_picture "page-$1"
    keep "docker-ps-$1.txt" running
}

# scaled N: so many nodes, all UP, and none in the list that is DOWN.
scaled() {
    event "done: the engine is told to have $1 nodes"
    system "$1"
    await 180 "a list without the dead" none_down
}
none_down() { ! nodes_table | grep DOWN >/dev/null; }

step "Three nodes, and a visitor who never stops asking" "three nodes UP; load the page again and again: it answers in turn; the cluster says in one sentence that all three serve"
start=$(date +%s)
event "done: a balancer and 3 nodes start"
system 3
follow
visit
seen 3-nodes

step "Two more" "five nodes UP: the new ones came without a reload, the counters of the others run on; in the cluster two tiles more, and no reload in what happened"
scaled 5
seen 5-nodes

killed=$(container webapp 3)
step "A node's container is killed with SIGKILL: $killed" \
    "it is DOWN soon (its checks stay unanswered), and gets no request any more; it keeps its line for a while, in case it comes back; in the cluster its tile says that it does not answer, and then that it is lost, and for how long it is waited for"
event "done: kill -9 of $killed"
docker kill -s KILL "$killed" >/dev/null
one_down() { [ "$(nodes_table | grep -c DOWN)" -eq 1 ]; }
await 60 "the node that is DOWN" one_down
seen one-killed

step "Only two stay" "two that leave say so, and go at once; the dead one goes when it was waited for (half a minute); the cluster tells them apart: two have left, one has died"
scaled 2
seen 2-nodes

step "Three new ones" "five nodes UP again"
scaled 5
seen after-new-ones

step "What the visitor got, and what runs now" \
    "every answer is a 200, but for at most one request that was on its way to the node that was killed; one master, one worker"
visited answers-by-code.txt
followed
keep timeline.txt cat "$scratch/timeline"
keep serf.log in_balancer cat /var/log/serf.log
processes haproxy-processes.txt
