#!/bin/sh
# The lab's handler of task 4: it does not even look at the file.
echo "Member leave/join script triggered" >>/var/log/serf.log
while read -r name _ role _; do
    echo "Member $SERF_EVENT event received from: $name with role $role" >>/var/log/serf.log
done
