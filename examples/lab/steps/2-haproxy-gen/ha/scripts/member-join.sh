#!/bin/sh
# haproxy-gen in place of the list, the template engine and the file that was written in
# place: made of all of /nodes, checked by HAProxy, replaced whole.
serf-nodes
haproxy-gen --template /config/haproxy.cfg.hb
case $? in
  0) exec s6-svc -h /var/run/s6/services/ha ;;
  1) exit 0 ;;   # the file was right already
  *) exit 111 ;; # why is in the log, and the old file stays
esac
