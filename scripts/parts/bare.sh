# The part "bare" of scripts/test (sourced by it): newcomers on Debian's smallest
# systems, with what is committed here.
# shellcheck shell=sh
# shellcheck source=scripts/roots.sh
. scripts/roots.sh

# newcomer SUITE USER NET: scripts/parts/newcomer as USER, for a quarter of an hour
# at most.
newcomer() {
    echo "Debian $1, as $2:"
    in_root "$1" "$bare/$1" "$bare/given=/mnt" -- timeout -k 10 900 \
        su - "$2" -c "MUSTER_NET=$3 sh /mnt/newcomer /mnt/muster.bundle /mnt"
}

# first_and_ordinary SUITE NET: root, who installs what is missing, then somebody
# who may not.
first_and_ordinary() {
    newcomer "$1" root "$2" && ordinary "$1" "$2"
}

ordinary() {
    in_root "$1" "$bare/$1" -- useradd -m -s /bin/sh student && newcomer "$1" student "$2"
}

bare() {
    bare_root bookworm && bare_root trixie || return
    # Beside the roots, since not every file system can be the top of an overlay.
    bare=$(mktemp -d "$roots/.bare.XXXXXX") && mkdir "$bare/given" &&
        chmod 755 "$bare" "$bare/given" && cp scripts/parts/newcomer "$bare/given/" || return
    # shellcheck disable=SC2046 # the name of the branch, if there is one
    git bundle create -q "$bare/given/muster.bundle" HEAD $(git symbolic-ref -q HEAD) || return

    result=0
    # The one build from nothing; the others take what it made.
    newcomer trixie root 127.0.47 || result=111
    if [ $result = 0 ]; then
        ordinary trixie 127.0.47 >"$bare/trixie.said" 2>&1 &
        first_and_ordinary bookworm 127.0.46 || result=111
        wait $! || result=111
        cat "$bare/trixie.said"
    fi
    return $result
}
