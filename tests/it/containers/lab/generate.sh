#!/usr/bin/env bash
# What handlebars does in the lab.
servers=""
for hostfile in $(ls /nodes); do
  servers="$servers`cat /nodes/$hostfile | awk '{ print "  server " $1 " " $2 ":3000 check" }'`
"
done
{ cat /etc/lab/haproxy.cfg; echo "$servers"; } > /usr/local/etc/haproxy/haproxy.cfg
