#!/bin/sh
# The lab's handler of task 4: each member that joins is written over the last one.
echo "Member join script triggered" >>/var/log/serf.log
while read -r name ip role _; do
    echo "Member join event received from: $name with role $role" >>/var/log/serf.log
    haproxy-gen --set name="$name" --set ip="$ip" --template /serf-handlers/container.tera \
        --output - --no-check >/tmp/haproxy.cfg
done
