#!/usr/bin/env bash
# This tree beside another commit: two servers, the same rows, queries in turns. The server process's own time is counted, so that other work on
# the machine disturbs little.
#   bash bench/compare.sh COMMIT [--sets arxiv,fashion] [--indexes ivf_rabitq,scann,wrvq] [--targets 0.95,0.98] [--rounds 5] [--queries 1000] [--storage plain]
# Prints build time, size, recall, codes, rows looked at and blocks a query of both, and the ratio of the time of a query.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../test/stage.sh
source "$root/test/stage.sh"

# build_copy TREE NAME: its extension in a copy of PostgreSQL of its own; says where pg_config is.
build_copy() {
  local stage=$stage/$2 pg
  copy_postgres
  PG_CONFIG=$pg/bin/pg_config build_extension "$1"
  echo "$pg/bin/pg_config"
}

main() {
  (($# > 0)) || die "usage: bash bench/compare.sh COMMIT [options]"
  local commit=$1 old new
  shift
  find_postgres
  make_stage
  say "building this tree, and $commit"
  git -C "$root" archive --prefix=tree/ "$commit" | tar -x -C "$stage"
  old=$(build_copy "$stage/tree" old)
  new=$(build_copy "$root" new)
  python_env "$root/build/bench/venv" "$root/bench/requirements.txt"
  OPENBLAS_NUM_THREADS=1 PYTHONPATH=$root/bench PYTHONUNBUFFERED=1 "$root/build/bench/venv/bin/python" "$root/bench/compare.py" \
    --data-root "$root/../shared/data" --old "$old" --new "$new" --work "$stage/work" "$@"
}

main "$@"
