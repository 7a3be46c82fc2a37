# Shared by the languages' scripts.
# shellcheck shell=bash

# once COMMAND PACKAGES...: installs, unless the same were installed before.
once() {
  [[ "$*" != "$(cat ../installed 2> /dev/null)" ]] || return 0
  "$@" >&2
  echo "$*" > ../installed
}

# run_program COMMAND...: the document's own commands, where it gives some.
run_program() {
  if [[ -e commands ]]; then bash -euo pipefail commands; else "$@"; fi
}
