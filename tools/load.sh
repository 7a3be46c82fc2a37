#!/usr/bin/env bash
# A file of vectors into a table.
#   bash tools/load.sh FILE --table items --column embedding [--dsn "host=... dbname=..."]
#   bash tools/load.sh --help
# FILE: .npy, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin, .hdf5, .parquet, .arrow and others: docs/loading.md.
# Connects as psql does, by PGHOST, PGDATABASE and so on, or by --dsn. Python packages go to build/load/; VQ_PYTHON names an
# interpreter that has them already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"

main() {
  local files python=${VQ_PYTHON:-$root/build/load/venv/bin/python}
  if [[ -z ${VQ_PYTHON:-} ]]; then
    /usr/bin/python3 -c 'import ensurepip' 2> /dev/null || install_packages python3 python3-venv
    mapfile -t files < <(format_requirements "$root" "$@")
    mkdir -p "$root/build/load"
    python_env "$root/build/load/venv" "$root/bench/requirements.txt" "${files[@]}"
  fi
  PYTHONPATH=$root/bench exec "$python" "$root/tools/load.py" "$@"
}

main "$@"
