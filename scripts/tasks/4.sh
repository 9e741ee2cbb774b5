# shellcheck shell=sh disable=SC2154,SC2016
# Task 4: a template makes a file of who is there.

render() {
    docker exec -i "$(container ha)" sh -c \
        'cat >/tmp/hello.tera; haproxy-gen --template /tmp/hello.tera --output - --no-check' \
        <scripts/tasks/hello.tera
}

say "The template"
keep template.txt cat scripts/tasks/hello.tera
say "The balancer alone"
balancer
keep generated-ha-alone.txt render
say "After the first node joined"
system 1
keep generated-after-s1.txt render
say "After the second"
system 2
keep generated-after-s2.txt render
keep docker-ps.txt running
keep inspect-ha.json docker inspect "$(container ha)"
keep inspect-s1.json docker inspect "$(container webapp 1)"
keep inspect-s2.json docker inspect "$(container webapp 2)"
