# shellcheck shell=sh disable=SC2154
# Task 5: one file a node, and HAProxy's configuration made of all of them.

nodes() {
    shown docker exec "$(container ha)" ls -l /nodes
    [ -z "$(in_balancer ls /nodes)" ] || shown "docker exec $(container ha) sh -c 'cat /nodes/*'"
}
state() {
    keep "nodes-$1.txt" nodes
    keep "haproxy-$1.cfg" in_balancer cat /usr/local/etc/haproxy/haproxy.cfg
    page_picture "page-$1"
}

step "The balancer alone" "/nodes is empty, and the configuration has no server; the cluster has four boxes with a count each, and no node"
balancer
await 60 "its configuration" in_balancer test -s /usr/local/etc/haproxy/haproxy.cfg
state ha-alone
step "The first node joins" "a file in /nodes, and a server line with the same name and address; in the cluster a tile, and what happened: the node, the file, HAProxy"
system 1
state after-s1
picture stats-after-s1
step "The second node joins" "two of each: nothing is overwritten"
system 2
state after-s2
picture stats-after-s2
inspected

step "The first node is stopped" "its file and its line are gone, those of the second stay; the statistics do not say why, the cluster does: it has left"
docker stop -t 60 "$(container webapp 1)" >/dev/null
wait_serving 1
state after-s1-stopped
picture stats-after-s1-stopped
keep docker-ps-after-s1-stopped.txt running
