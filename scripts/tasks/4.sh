# shellcheck shell=sh disable=SC2154
# Task 4: a template makes a file. First as the lab does it, of the one node that has
# just joined: the fault that its question 4.4 asks about. Then of all nodes.

step "As in the lab: the balancer alone, whose handler writes /tmp/haproxy.cfg at each join" \
    "the file has ha's own name and address"
export COMPOSE_FILE=docker-compose.yml:scripts/tasks/fault/compose.yml
balancer
await 60 "the first event" in_log 'Member join event received from'
keep fault-ha-alone.cfg in_balancer cat /tmp/haproxy.cfg

# overwritten N: the file after the Nth node has joined.
overwritten() {
    reported up -d --no-build --no-recreate --scale "webapp=$1"
    name=$(docker exec "$(container webapp "$1")" node-name)
    await 180 "the file of $name" in_balancer grep -qs "$name" /tmp/haproxy.cfg
    keep "fault-after-s$1.cfg" in_balancer cat /tmp/haproxy.cfg
}

step "The first node joins" "the file has this node, and ha is gone from it"
overwritten 1
step "The second node joins" "only the last one is known; serf.log has seen all three"
overwritten 2
keep fault-serf.log in_balancer cat /var/log/serf.log
inspected
nothing_runs
unset COMPOSE_FILE

render() {
    docker exec -i "$(container ha)" sh -c \
        'cat >/tmp/answer.tera; haproxy-gen --template /tmp/answer.tera --output - --no-check' \
        <scripts/tasks/answer.tera
}

step "The answer: the same line, for each node in /nodes; the balancer alone" "there is no node yet"
balancer
keep answer-ha-alone.cfg render
step "After the first node joined" "one node"
system 1
keep answer-after-s1.cfg render
step "After the second" "both of them"
system 2
keep answer-after-s2.cfg render
