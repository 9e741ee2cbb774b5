#!/bin/bash
# member-join alone.
while read -r name ip role tags; do
  [ "$role" = backend ] || continue
  echo "Member join event received from: $name with role $role" >> /var/log/serf.log
  echo "$name $ip" > "/nodes/$name"
done
/serf-handlers/generate.sh
