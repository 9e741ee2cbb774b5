# shellcheck shell=sh disable=SC2154,SC2016
# Task 5: one file a node, and HAProxy's configuration made of all of them.

state() {
    keep "haproxy-$1.cfg" in_balancer cat /usr/local/etc/haproxy/haproxy.cfg
    keep "nodes-$1.txt" in_balancer sh -c 'ls -l /nodes; for f in /nodes/*; do [ ! -e "$f" ] || cat "$f"; done'
}

say "The balancer alone"
balancer
await 60 "its configuration" in_balancer test -s /usr/local/etc/haproxy/haproxy.cfg
state ha-alone
say "After the first node joined"
system 1
state after-s1
say "After the second"
system 2
state after-s2
keep docker-ps.txt running
keep inspect-ha.json docker inspect "$(container ha)"
keep inspect-s1.json docker inspect "$(container webapp 1)"
keep inspect-s2.json docker inspect "$(container webapp 2)"

say "After the first was stopped"
docker stop -t 60 "$(container webapp 1)" >/dev/null
wait_serving 1
state after-s1-stopped
keep docker-ps-after-s1-stopped.txt running
