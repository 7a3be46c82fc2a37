#!/usr/bin/env bash
# Pictures of the last benchmark run: build/bench/*.csv -> docs/img/*.png.
#   bash bench/plot.sh                   what there are figures for; other pictures stay as they are
#   bash bench/plot.sh FOLDER FOLDER     figures from the first folder, pictures into the second
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$root/bench/lib.sh"

install_packages python3 python3-venv
mkdir -p "$root/build/bench"
python_env "$root/build/bench/plot-venv" "$root/bench/requirements-plot.txt"
"$root/build/bench/plot-venv/bin/python" "$root/bench/plot.py" "${1:-$root/build/bench}" "${2:-$root/docs/img}"
