# The parts "trixie" and "forky" of scripts/test (sourced by it): the programs' own
# tests on the HAProxy and s6 of another Debian release.
# shellcheck shell=sh
# shellcheck source=scripts/roots.sh
. scripts/roots.sh

# What the tests of the programs need beside the toolchain.
needed='cc haproxy serf s6-svscan curl flock openssl ss ip strace unshare'

# release SUITE: in a root file system that keeps what was installed in it. The
# repository, cargo's crates and the toolchain are where they are here, so that
# nothing is compiled again.
release() {
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    toolchain=$(realpath "$(rustc --print sysroot)")
    target=$(target_for "$1") || return
    # What was installed is kept in one folder, in which one run is at a time.
    mkdir -p "$roots/$1.tests"
    exec 7<"$roots/$1.tests"
    flock -n 7 || { echo "waiting for another run of it" && flock 7; }
    in_root "$1" "$roots/$1.tests" "$PWD" "$cargo_home" "$toolchain" -- env -i \
        PATH="$toolchain/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        HOME=/root CARGO_HOME="$cargo_home" CARGO_TARGET_DIR="$target" RUSTFLAGS="${RUSTFLAGS-}" \
        sh "$PWD/scripts/parts/release" "$needed"
}

# target_for SUITE: programs that were compiled here run there, unless this
# machine's C library is newer than the one of the release.
target_for() {
    bare_root "$1" || return
    here=$(getconf GNU_LIBC_VERSION)
    there=$(chroot "$roots/$1" getconf GNU_LIBC_VERSION)
    target=${CARGO_TARGET_DIR:-$PWD/target}
    newer=$(printf '%s\n' "$here" "$there" | sort -V | tail -n 1)
    [ "$newer" = "$there" ] || target=$target/$1
    echo "$target"
}
