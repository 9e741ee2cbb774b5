#!/usr/bin/env bash
echo "Member leave/join script triggered" >> /var/log/serf.log
left=false
while read -a values; do
  if [[ "${values[2]}" == "backend" ]]; then
    echo "Member $SERF_EVENT event received from: ${values[0]} with role ${values[2]}" >> /var/log/serf.log
    rm /nodes/${values[0]}
    left=true
  fi
done
if [[ "$left" = true ]]; then
  hosts=""
  for file in $(ls /nodes); do
    host=`awk '{ print "{\"host\":\"" $1 "\",\"ip\":\"" $2 "\"}" }' /nodes/$file`
    hosts="$hosts$host,"
  done
  handlebars --addresses "[$(echo $hosts | sed s/,$//)]" < /config/haproxy.cfg.hb > /usr/local/etc/haproxy/haproxy.cfg
  s6-svc -h /var/run/s6/services/ha
fi
