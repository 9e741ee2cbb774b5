# Builds the program that measures (sourced, in the repository's root): $bench.
# MUSTER_BUILT means that the programs which are measured are there already.
# shellcheck shell=sh

scripts/require cargo cc
[ -n "${MUSTER_BUILT-}" ] || scripts/build -q --bench
cargo_static -q --bin bench --bin limit
# shellcheck disable=SC2034,SC2154 # for who sources this, from lib.sh
bench=$built/bench
