#!/usr/bin/env bash
# Installs a Python client's packages in the folder above, and runs the program in this one. Called by run.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

install_python() {
  python3 -m venv --clear ../venv
  ../venv/bin/pip install --quiet --disable-pip-version-check "$@"
}

once install_python "$@"
PATH=$(cd .. && pwd)/venv/bin:$PATH
export PATH
run_program python main.py
