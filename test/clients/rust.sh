#!/usr/bin/env bash
# Makes a crate around the program in the current folder, with a Rust client's crates, and runs it; what cargo builds is in the folder above.
# Called by run.sh. A package is NAME@VERSION, or NAME@VERSION+FEATURE+FEATURE.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

export CARGO_TARGET_DIR=$PWD/../target
cargo init --quiet --vcs none --name client >&2
for package in "$@"; do
  features=${package#*+}
  [[ $features != "$package" ]] || features=''
  cargo add --quiet "${package%%+*}" --features "${features//+/,}" >&2
done
run_program cargo run --quiet
