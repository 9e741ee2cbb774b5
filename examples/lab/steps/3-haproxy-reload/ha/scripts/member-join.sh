#!/bin/sh
# haproxy-reload in place of the restart: a node that comes or goes is a command to the
# running HAProxy, anything else a reload that is confirmed.
serf-nodes
haproxy-gen --template /config/haproxy.cfg.hb
haproxy-reload
[ $? -le 1 ] # 1: it had nothing to do
