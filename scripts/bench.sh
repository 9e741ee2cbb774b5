# Builds the program that measures (sourced, in the repository's root): $bench.
# MUSTER_BUILT means that the programs which are measured are there already.
# shellcheck shell=sh

scripts/require cargo cc
host=$(rustc -vV | sed -n 's/^host: //p')
# shellcheck disable=SC2034 # for who sources this
bench=${CARGO_TARGET_DIR:-target}/$host/release/bench
if [ -z "${MUSTER_BUILT-}" ]; then
    scripts/build -q --bench
else
    RUSTFLAGS="${RUSTFLAGS-} -C target-feature=+crt-static" \
        cargo build -q --release --locked --target "$host" -p bench
fi
