#!/bin/bash
# leave.sh HOW: member-leave and member-failed, told apart in the log.
while read -r name ip role tags; do
  [ "$role" = backend ] || continue
  echo "Member $SERF_EVENT event received from: $name with role $role ($1)" >> /var/log/serf.log
  rm -f "/nodes/$name"
done
/serf-handlers/generate.sh
