# Root file systems of other Debian releases, in which tests run (sourced, in the
# repository's root, by root).
#
# MUSTER_ROOTS   where they are kept for the next run (~/.cache/muster/roots)
# DEBIAN_MIRROR  where Debian is taken from (http://deb.debian.org/debian)
# shellcheck shell=sh

: "${HOME:=/root}"
roots=${MUSTER_ROOTS:-${XDG_CACHE_HOME:-$HOME/.cache}/muster/roots}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

# bootstrap SUITE FOLDER [PACKAGES]: makes Debian's smallest system in FOLDER, or
# says why it could not. A release that is newer than debootstrap is made as unstable is.
bootstrap() {
    scripts/require debootstrap || return
    recipe=/usr/share/debootstrap/scripts/$1
    [ -e "$recipe" ] || recipe=${recipe%/*}/sid
    words=$(debootstrap --variant=minbase ${3:+"--include=$3"} "$1" "$2" "$mirror" "$recipe" 2>&1) && return
    echo "$words" | tail -n 20 >&2
    echo "${0##*/}: debootstrap $1 from $mirror failed (its last words are above)" >&2
    return 111
}

# bare_root SUITE: makes $roots/SUITE, where it is not yet: git, ca-certificates,
# and what apt, cargo and git need for this machine's network, nothing else.
bare_root() (
    [ ! -d "$roots/$1" ] || exit 0
    echo "making a root file system of Debian $1, kept in $roots" >&2
    new_root "$1"
    bootstrap "$1" "$new" git,ca-certificates || exit
    apt-config dump | grep -E '^Acquire::(https?|Check-|Retries)' >"$new/etc/apt/apt.conf.d/network"
    for certificate in /usr/local/share/ca-certificates/*.crt; do
        [ ! -e "$certificate" ] || cp "$certificate" "$new/usr/local/share/ca-certificates/"
    done
    chroot "$new" update-ca-certificates >/dev/null 2>&1
    env | grep -E '^((https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|CARGO_(HTTP|NET|REGISTR|SOURCE)[A-Z_]*)=' \
        >>"$new/etc/environment"
    # Cargo looks for it in every folder above the one that it works in.
    settings=${CARGO_HOME:-$HOME/.cargo}/config.toml
    [ ! -e "$settings" ] || install -D -m 644 "$settings" "$new/.cargo/config.toml"
    echo '127.0.0.1 localhost' >"$new/etc/hosts"
    keep "$1"
)

# rust_layer: makes this machine's toolchain once more, as a folder to lay over a
# root file system, and prints its path. Links are enough, since nobody writes
# through an overlay.
rust_layer() (
    name=rust-$(rustc -V | cut -d' ' -f2)
    echo "$roots/$name"
    [ ! -d "$roots/$name" ] || exit 0
    new_root "$name"
    mkdir -p "$new/opt" "$new/usr/local/bin"
    toolchain=$(realpath "$(rustc --print sysroot)")
    cp -al "$toolchain" "$new/opt/rust" 2>/dev/null || {
        rm -rf "$new/opt/rust"
        cp -a "$toolchain" "$new/opt/rust" || exit
    }
    for program in "$new"/opt/rust/bin/*; do
        ln -s "/opt/rust/bin/${program##*/}" "$new/usr/local/bin/"
    done
    keep "$name"
)

# new_root NAME: $new, a folder that goes with the shell which makes it, unless it
# is kept.
new_root() {
    mkdir -p "$roots"
    new=$(mktemp -d "$roots/.$1.XXXXXX") || exit 111
    at_end "rm -rf --one-file-system '$new'"
    chmod 755 "$new"
}

# keep NAME: gives it its name. Where another run was faster, that one's is as good.
keep() { mv -T "$new" "$roots/$1" 2>/dev/null || [ -d "$roots/$1" ]; }

# in_root SUITE STATE [PATH[=PLACE]...] -- COMMAND...: runs COMMAND in the root file system
# of SUITE with the toolchain, in mount, pid and uts namespaces of its own and the
# machine's network. What it writes stays in the folder STATE. Each PATH of this
# machine is at the same place there, or at PLACE. All that it started ends with it.
in_root() {
    bare_root "$1" || return
    layers=$(rust_layer) || return
    layers=$layers:$roots/$1
    suite=$1 state=$2
    shift 2
    mkdir -p "$state/upper" "$state/work" "$state/root"
    unshare --mount --pid --uts --fork --kill-child \
        sh scripts/parts/root-init "$suite" "$state" "$layers" "$@"
}
