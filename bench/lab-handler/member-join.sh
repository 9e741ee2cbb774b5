#!/usr/bin/env bash
# The lab's handler as its students wrote it: one file a node, read back with
# cat and awk, one call of a template engine, the result written in place.
# It is what the chain is measured against; LAB is the directory that it works in.
echo "Member join script triggered" >>"$LAB/serf.log"

registered=false
while read -r -a values; do
    name=${values[0]}
    address=${values[1]}
    role=${values[2]}
    if [[ $role == backend ]]; then
        echo "Member join event received from: $name with role $role" >>"$LAB/serf.log"
        echo "$name $address" >"$LAB/nodes/$name"
        registered=true
    fi
done

if [[ $registered == true ]]; then
    hosts=
    for file in $(ls "$LAB/nodes"); do
        set -- $(cat "$LAB/nodes/$file" | awk '{ print $1, $2 }')
        hosts="$hosts{\"host\":\"$1\",\"ip\":\"$2\"},"
    done
    python3 "$(dirname "$0")/render.py" "[${hosts%,}]" <"$(dirname "$0")/haproxy.cfg.j2" >"$LAB/haproxy.cfg"
fi
