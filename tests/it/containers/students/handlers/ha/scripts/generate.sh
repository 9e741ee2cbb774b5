#!/bin/bash
# The list of all nodes, the file, and the reload of master and worker.
set -e
. /serf-handlers/lib/list.sh
handlebars --addresses="[$(nodes)]" < /config/haproxy.cfg.hb > /tmp/haproxy.cfg
haproxy -c -q -f /tmp/haproxy.cfg
cat /tmp/haproxy.cfg > /usr/local/etc/haproxy/haproxy.cfg
echo "reloading for $(ls /nodes | wc -l) nodes"
s6-svc -2 /var/run/s6/services/ha
