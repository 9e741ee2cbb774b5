# shellcheck shell=sh disable=SC2154,SC2016,SC2034
# Task 0: the static system. It is started in a folder of its own, as a student's,
# so that a third node can be added there by hand.

folder=$scratch/static
project=$project-static
compose=$(compose_words)
s1=$(url WEBAPP_1_PORT 4000)/ s2=$(url WEBAPP_2_PORT 4001)/ s3=$(url WEBAPP_3_PORT 4002)/
nodes_at="$s1 and $s2"
cluster_at=

mkdir "$folder"
cp -R scripts/tasks/static.cfg scripts/tasks/s3 "$folder"
cp scripts/tasks/static.yml "$folder/docker-compose.yml"
[ ! -e .env ] || cp .env "$folder"
# Where the network is another one, so are the addresses in it.
net=$(setting HA_PROXY_IP 192.168.42.42)
find "$folder" -type f -exec sed -i "s/192\.168\.42\./${net%.*}./g" {} +

in_folder() (cd "$folder" && export COMPOSE_PROJECT_NAME="$project" && "$@")
up_servers() { [ "$(nodes_table | grep -c 'UP$')" -eq "$1" ]; }
list="curl -s '$(url STATS_PORT 1936)/;csv' | grep ^nodes, | grep -v BACKEND | cut -d , -f 2,18"

network() {
    shown docker network ls --filter "name=${project}_heig"
    shown "docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}{{range .Containers}}
    {{.Name}} {{.IPv4Address}}{{end}}' ${project}_heig"
}
directly() { shown curl -s "$s1" && echo && shown curl -s "$s2" && echo; }
in_turn() {
    for _ in 1 2 3 4; do shown curl -s "$(url HTTP_PORT 80)/" && echo; done
}

step "ha, s1 and s2 start, with the two servers written into HAProxy's configuration" \
    "the statistics have s1 and s2, both UP; the page is s1's and s2's in turn; both also answer directly, at $nodes_at"
in_folder reported up -d
await 60 "two servers" up_servers 2
keep docker-ps.txt running
keep network.txt network
keep answers-direct.txt directly
keep answers-through-ha.txt in_turn
picture stats

step "s1 ends" "it stays in the list, as DOWN, for ever"
in_folder reported stop -t 5 s1
await 60 "one server less" up_servers 1
picture stats-after-s1-stopped
in_folder reported start s1
await 60 "two servers" up_servers 2

# by_hand COMMAND: one step of those who have no dynamic system.
by_hand() {
    in_folder shown "$@" >"$scratch/said" 2>&1 || fail "by hand: $(cat "$scratch/said")"
    cat "$scratch/said" >>"$scratch/by-hand"
    sed 's/^/   | /' "$scratch/said"
}
words() { printf '%s\n' "$@" | tee -a "$scratch/by-hand" | sed 's/^/   | /'; }

step "A third node is added by hand: its variables and its service" \
    "s3 runs and answers at $s3, but the statistics have only s1 and s2: HAProxy never hears of it"
words "# 1. Two variables: a name, and a fixed address that is free. They go to .env."
by_hand cat s3/variables.env
by_hand 'cat s3/variables.env >>.env'
words '' "# 2. The service s3, in docker-compose.yml, with a port of its own; and its start."
by_hand cat s3/service.yml
by_hand "sed -i '/^services:/r s3/service.yml' docker-compose.yml"
by_hand "$compose up -d s3"
unnoticed() {
    running
    # What listens at a container's port can be asked from another one alone in its network.
    in_folder shown "$compose exec -T ha bash -c 'exec 3<>/dev/tcp/s3/3000; printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3; cat <&3'"
    echo
    shown "$list"
}
s3_answers() { curl -sf -o /dev/null "$s3"; }
await 60 "s3" s3_answers
keep s3-unnoticed.txt unnoticed

step "By hand, the rest: HAProxy's configuration, and its restart" \
    "the statistics have s3; while ha is restarted, the page does not load"
words '' "# 3. s3 runs, and HAProxy's list does not have it:"
by_hand "$list"
words '' "# 4. The server's line, at the end of HAProxy's configuration."
by_hand cat s3/server.cfg
by_hand 'cat s3/server.cfg >>static.cfg'
words '' "# 5. The two variables that this line needs, handed to ha in docker-compose.yml."
by_hand cat s3/environment.yml
by_hand "sed -i '/ WEBAPP_2_IP:/r s3/environment.yml' docker-compose.yml"
words '' "# 6. ha is made anew. (In the lab the configuration is part of the image: up -d --build haproxy)"
visit
by_hand "$compose up -d ha"
await 60 "three servers" up_servers 3
visited answers-meanwhile.txt
words '' "# 7. HAProxy's list has s3, and who asked meanwhile got:"
by_hand "$list"
words "$(cat "$evidence/answers-meanwhile.txt")"
keep adding-s3.txt cat "$scratch/by-hand"
keep docker-ps-with-s3.txt running
picture stats-with-s3
