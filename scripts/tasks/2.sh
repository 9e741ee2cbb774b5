# shellcheck shell=sh disable=SC2154
# Task 2: everybody knows who is there.

alive() { [ "$(docker exec "$(container webapp)" serf members -status=alive 2>/dev/null | wc -l)" -eq "$1" ]; }

step "Two nodes start before any balancer" "they have found each other: two members, no ha"
reported up -d --no-build --scale webapp=2 webapp
await 180 "two members" alive 2
keep members-without-ha.txt docker exec "$(container webapp)" serf members

step "The balancer comes last, and finds them through the name that all share" \
    "all three know all three; each line of a log names its service"
system 2
await 180 "three members" alive 3
keep members-ha.txt in_balancer serf members
keep members-s1.txt docker exec "$(container webapp 1)" serf members
keep members-s2.txt docker exec "$(container webapp 2)" serf members
keep who-is-cluster.txt docker exec "$(container webapp 1)" getent ahostsv4 cluster
keep ha.log docker logs "$(container ha)"
keep s1.log docker logs "$(container webapp 1)"
keep s2.log docker logs "$(container webapp 2)"
