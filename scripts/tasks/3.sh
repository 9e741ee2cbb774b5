# shellcheck shell=sh disable=SC2154
# Task 3: something happens when a node joins or leaves.

step "The balancer alone" "its own join is the first event in /var/log/serf.log"
balancer
await 60 "the first event" in_log 'Member join event received from'
keep ha-alone.log docker logs "$(container ha)"
keep serf-ha-alone.log in_balancer cat /var/log/serf.log

# joined N: its log, that of ha and the events, after the Nth node has joined.
joined() {
    system "$1"
    node=$(container webapp "$1")
    name=$(docker exec "$node" node-name)
    await 60 "the event of $name" in_log "Member join event received from: $name with role backend"
    keep "s$1.log" docker logs "$node"
    keep "ha-after-s$1.log" docker logs "$(container ha)"
    keep "serf-after-s$1.log" in_balancer cat /var/log/serf.log
}

step "The first node joins" "the script is triggered again, with the node's name and role"
joined 1
step "The second node joins" "and again"
joined 2

step "The first node is stopped" "member-leave with its name: it said that it leaves, and nobody had to find out"
s1=$(container webapp 1)
docker stop -t 60 "$s1" >/dev/null
await 180 "the leave" in_log 'Member member-leave event'
keep s1-stopped.log docker logs "$s1"
keep ha-after-s1-stopped.log docker logs "$(container ha)"
keep serf-after-s1-stopped.log in_balancer cat /var/log/serf.log
