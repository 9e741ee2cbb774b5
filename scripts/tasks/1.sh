# shellcheck shell=sh disable=SC2154,SC2016
# Task 1: a supervisor in each container.

services=/var/run/s6/services
state() { shown "docker exec $1 s6-svstat $services/$2"; }
life() { shown "docker inspect -f 'restarts: {{.RestartCount}}, started: {{.State.StartedAt}}' $1"; }
pid() { docker exec "$1" s6-svstat $services/"$2" | sed -n 's/^up (pid \([0-9]*\)).*/\1/p'; }
another() { now=$(pid "$1" "$2") && [ -n "$now" ] && [ "$now" != "$3" ]; }

# killed CONTAINER SERVICE: its process dies, and what becomes of it.
killed() {
    state "$1" "$2"
    life "$1"
    old=$(pid "$1" "$2")
    shown "docker exec $1 sh -c 'kill -KILL $old'"
    await 60 "another process of $2" another "$1" "$2" "$old"
    state "$1" "$2"
    life "$1"
}

watched() {
    for container in "$ha" "$s1"; do
        shown "docker exec $container sh -c 'for s in $services/*; do echo \"\${s##*/}: \$(s6-svstat \$s)\"; done'"
    done
}

step "A balancer and two nodes; in each, init starts and watches the services" \
    "the statistics look as in task 0; in the list of processes all services of ha are children of /init"
system 2
ha=$(container ha) s1=$(container webapp 1)
picture stats
keep docker-ps.txt running
keep services.txt watched
processes processes-before.txt

step "HAProxy is killed" \
    "it is there again, as another process; the container lives on: no restart, the same start"
keep haproxy-killed.txt killed "$ha" ha
wait_serving 2
processes processes-after-haproxy-killed.txt

step "The web application of s1 is killed" \
    "another process again, in the same container; the statistics have both nodes UP"
keep webapp-killed.txt killed "$s1" webapp
wait_serving 2

# Asks HAProxy's master, who knows the workers.
ask='$s = IO::Socket::UNIX->new("/var/run/haproxy-master.sock"); print $s "show proc\n"; $s->shutdown(1); print <$s>'
workers="docker exec $ha timeout 10 perl -MIO::Socket::UNIX -e '$ask'"
workers_now() { sh -c "$workers" | awk '$2 == "worker" { print $1 }'; }
another_worker() { now=$(workers_now) && [ -n "$now" ] && [ "$now" != "$1" ]; }
reloaded() {
    shown "$workers"
    old=$(workers_now)
    shown "docker exec $ha s6-svc -h $services/ha"
    await 60 "another worker" another_worker "$old"
    shown "$workers"
}

step "The lab's command for a reload, while a visitor asks" \
    "the master's pid stays, the worker's is another one (show proc); no request is lost"
visit
await 60 "answers before the reload" asked 20
keep reload.txt reloaded
wait_serving 2
await 60 "answers after it" asked 100
visited answers-while-reloading.txt
processes processes-after.txt
