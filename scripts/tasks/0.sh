# shellcheck shell=sh disable=SC2154,SC2016
# Task 0: the static system.

say "ha, s1 and s2, with the two servers written into HAProxy's configuration"
static_system up -d
up_servers() { [ "$(nodes_table | grep -c 'UP$')" -eq "$1" ]; }
await 60 "two servers" up_servers 2
keep answers.txt sh -c "for i in 1 2 3 4; do curl -s $(url HTTP_PORT 80)/; echo; done"
picture stats.png
keep docker-ps.txt running

say "s1 ends: it stays in the list, as DOWN, for ever"
static_system stop -t 5 s1
await 60 "one server less" up_servers 1
keep after-s1-stopped.txt nodes_table
picture stats-after-s1-stopped.png

say "A third node starts: HAProxy never hears of it"
docker run -d --rm --name muster-static-s3 --network muster-static_heig \
    --entrypoint webapp "muster/webapp:$(setting IMAGE_TAG latest)" >/dev/null
keep with-s3.txt nodes_table
docker rm -f muster-static-s3 >/dev/null
