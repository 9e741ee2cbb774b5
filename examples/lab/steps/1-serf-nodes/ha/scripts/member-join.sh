#!/usr/bin/env bash
# serf-nodes in place of the loop: /nodes and /var/log/serf.log follow the event.
serf-nodes
case $? in
  0) ;;          # a node came, went or changed
  1) exit 0 ;;   # none did
  *) exit 111 ;; # why is in the log
esac

hosts=""
for file in $(ls /nodes); do
  host=`awk '{ print "{\"host\":\"" $1 "\",\"ip\":\"" $2 "\"}" }' /nodes/$file`
  hosts="$hosts$host,"
done
handlebars --addresses "[$(echo $hosts | sed s/,$//)]" < /config/haproxy.cfg.hb > /usr/local/etc/haproxy/haproxy.cfg
s6-svc -h /var/run/s6/services/ha
