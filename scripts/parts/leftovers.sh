# Ends what the tests of an interrupted run have left (sourced by scripts/test and
# scripts/soak, after lib.sh).
# Tests that run to their end, well or not, leave nothing themselves.
# shellcheck shell=sh

# tied: the processes that are tied to the folder in which the tests of this run have
# theirs, by their environment, their words or their working folder. grep and find
# list themselves too, and have ended when the list is complete.
tied() {
    {
        grep -lsaF "$MUSTER_SCRATCH" /proc/[0-9]*/environ /proc/[0-9]*/cmdline || true
        find /proc/[0-9]*/cwd -maxdepth 0 -lname "$MUSTER_SCRATCH*" 2>/dev/null
    } | cut -d/ -f3 | grep -vx $$
}

# end_processes: ends them, for ten seconds at most, in which whoever saw one die may
# start another.
end_processes() { within 10 without_processes || true; }

without_processes() {
    found=0
    for id in $(tied); do
        if [ -d "/proc/$id" ] && kill -9 "$id" 2>/dev/null; then found=1; fi
    done
    return $found
}

# of_the_dead: of lines "NAME muster-test-[WORD-]PID-NUMBER" the names for which the
# test process PID has ended, whether somebody has collected it or not. Whatever is
# called otherwise is a person's.
of_the_dead() {
    sed -nE 's/^([^ ]*) muster-test-([a-z]+-)?([0-9]+)-[0-9]+$/\1 \3/p' | while read -r name pid; do
        grep -qs '^State:.[^ZX]' "/proc/$pid/status" || echo "$name"
    done
}

# end_mounts: takes away the disks that tests have put into that folder.
end_mounts() {
    awk -v folder="$MUSTER_SCRATCH/" 'index($2, folder) == 1 { print $2 }' /proc/mounts | xargs -rn 1 umount -l
}

end_namespaces() {
    ip netns list 2>/dev/null | sed 's/^\([^ ]*\).*/\1 \1/' | of_the_dead | xargs -rn 1 ip netns delete
}

# end_containers: also their networks and volumes, by the name of the project.
end_containers() {
    project='{{.Label "com.docker.compose.project"}}'
    docker ps -a --format "{{.ID}} $project" | of_the_dead | xargs -r docker rm -fv
    docker network ls --format "{{.ID}} $project" | of_the_dead | xargs -r docker network rm
    docker volume ls --format "{{.Name}} $project" | of_the_dead | xargs -r docker volume rm
}
