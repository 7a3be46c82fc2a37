#!/usr/bin/env bash
# Fetches a Go client's modules and runs the program in the current folder. Called by run.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

export GOFLAGS=-mod=mod
go mod init client >&2
go get "$@" >&2
run_program go run .
