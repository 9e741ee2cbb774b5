# shellcheck shell=sh disable=SC2154,SC2016
# Task 1: a supervisor in each container.

say "A balancer and two nodes; in each, init starts and watches the services"
system 2
picture stats.png
keep docker-ps.txt running
keep processes.txt docker top "$(container ha)" -eo pid,ppid,args
keep services.txt in_balancer sh -c \
    'for service in /var/run/s6/services/*/; do echo "$service $(s6-svstat "$service")"; done'

say "HAProxy dies; the container lives, and HAProxy is there again"
master() { in_balancer s6-svstat /var/run/s6/services/ha | sed 's/.*(pid \([0-9]*\)).*/\1/'; }
old=$(master)
in_balancer sh -c "kill -KILL $old"
another() { case $(master) in "$old" | *[!0-9]* | '') false ;; esac; }
await 60 "another HAProxy" another
wait_serving 2
keep after-haproxy-died.txt in_balancer sh -c \
    "echo 'HAProxy was $old'; s6-svstat /var/run/s6/services/ha"
keep container-lives.txt docker inspect -f \
    'restarts {{.RestartCount}}, started {{.State.StartedAt}}' "$(container ha)"

say "The lab's command for a reload"
keep reload.txt in_balancer sh -c \
    's6-svc -h /var/run/s6/services/ha && echo "s6-svc: exit $?"; s6-svstat /var/run/s6/services/ha'
