# shellcheck shell=sh disable=SC2154,SC2016
# Task 3: something happens when a node joins or leaves.

in_log() { in_balancer grep -q "$1" /var/log/serf.log; }

say "The balancer alone: its own join is the first event"
balancer
await 60 "the first event" in_log 'Member join event received from'
keep ha-alone.log docker logs "$(container ha)"
keep ha-alone-serf.log in_balancer cat /var/log/serf.log

say "A node joins"
system 1
await 60 "the node's event" in_log 'with role backend'
keep ha-with-s1.log docker logs "$(container ha)"
keep s1.log docker logs "$(container webapp)"
keep ha-with-s1-serf.log in_balancer cat /var/log/serf.log

say "And leaves"
docker stop -t 60 "$(container webapp)" >/dev/null
await 180 "the leave" in_log 'Member member-leave event'
keep serf.log in_balancer cat /var/log/serf.log
