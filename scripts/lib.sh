# What every script begins with, and what scripts share (sourced by each of them).
# Whatever folder or link a script was called from, it works in the root of the
# repository, and -h or --help alone shows its page, which is the comment at its head.
# shellcheck shell=sh

script=$(readlink -f "$0")
root=${script%/*/*}
cd "$root" || exit 111

# Debian gives ordinary users a PATH without the folders where HAProxy is, and a
# shell that is older than Rust has none of Rust.
PATH=$PATH:/usr/sbin:/sbin:${CARGO_HOME:-${HOME-}/.cargo}/bin

# The programs that scripts/build makes.
# shellcheck disable=SC2034 # for who sources this
programs='init with-contenv from-s6-rc svc svstat svscanctl serf-members serf-nodes serf-watch node-address
serf-discover haproxy-gen haproxy-reload haproxy-hangup node-health muster-page webapp'

page() { sed -n '1d; /^#/!q; s/^# \{0,1\}//p' "$script"; }

# Messages begin with the name that the script was called by, be it that of a link.
fail() {
    echo "${0##*/}: $*" >&2
    exit 111
}

# misuse WORDS: what is wrong with those of the caller, and the page.
misuse() {
    echo "${0##*/}: $*" >&2
    page >&2
    exit 100
}

# at_end COMMAND: however the script ends, also by Ctrl-C, and uninterrupted.
at_end() {
    # shellcheck disable=SC2064 # the command is known now
    trap "trap '' INT TERM HUP; $1" EXIT
}

# on_interrupt COMMAND: what is done first where Ctrl-C ends the script.
on_interrupt() {
    # shellcheck disable=SC2064 # the command is known now
    trap "trap '' INT TERM HUP; $1; exit 130" INT TERM HUP
}

# within SECONDS COMMAND...: tries until the command succeeds; false when it has not
# by then.
within() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -le "$deadline" ] || return 1
        sleep 0.05
    done
}

# version: that of this project, from the one place where it stands.
version() { sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml; }

# cargo_static WORDS...: builds release programs, statically linked, and sets $built,
# the folder in which they are. Without an explicit target the flag would reach the
# procedural macros too, which cannot be static.
cargo_static() {
    host=$(rustc -vV | sed -n 's/^host: //p')
    RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
        cargo build --release --locked --target "$host" "$@" || return
    # shellcheck disable=SC2034 # for who calls this
    built=${CARGO_TARGET_DIR:-target}/$host/release
}

# Without it, a signal would end some shells without what is to be done at the end.
trap 'exit 130' INT TERM HUP

case $#:${1-} in
    1:-h | 1:--help)
        page
        exit
        ;;
esac
