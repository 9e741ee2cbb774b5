# shellcheck shell=sh disable=SC2154,SC2016
# Task 6: HAProxy takes every change while it serves.

# Until `requests.stop` is there: each answer's code, one a line.
visitor() {
    while [ ! -e "$evidence/stop" ]; do
        curl -s -o /dev/null -w '%{http_code}\n' "$(url HTTP_PORT 80)/" || true
        sleep 0.01
    done
}

say "Three nodes, and a visitor who never stops asking"
system 3
visitor >"$evidence/codes" &
visitor_id=$!
picture stats-3-nodes.png
keep docker-ps-3-nodes.txt running

say "Two more"
system 5
picture stats-5-nodes.png
keep docker-ps-5-nodes.txt running

say "Two are stopped"
docker stop -t 60 "$(container webapp 1)" "$(container webapp 4)" >/dev/null
wait_serving 3
picture stats-after-two-stopped.png
keep docker-ps-after-two-stopped.txt running

say "The two come back, and a sixth with them"
reported up -d --no-build --no-recreate --scale webapp=6 webapp
wait_serving 6
picture stats-after-new-ones.png
keep docker-ps-after-new-ones.txt running
keep serf.log in_balancer cat /var/log/serf.log

say "What the visitor got: how many answers of each code (000 is none)"
touch "$evidence/stop"
wait "$visitor_id"
keep answers-by-code.txt sh -c "sort '$evidence/codes' | uniq -c"
rm -f "$evidence/stop" "$evidence/codes"
keep haproxy-processes.txt docker top "$(container ha)" -eo pid,ppid,args
