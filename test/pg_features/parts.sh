#!/usr/bin/env bash
# The parts of ../pg_features.sh, inside its folder, as user postgres: prints `pass NAME`, `fail NAME` with the end of its log, or
# `not tried NAME` with the reason.
#   bash test/pg_features/parts.sh PART...
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=cluster.sh
source "${BASH_SOURCE[0]%/*}/cluster.sh"

impossible=77 # exit status of what this machine does not allow

try() { # NAME COMMAND...: in a folder of its own
  local name=$1 status=0 began=$SECONDS log
  shift
  work=$(mktemp -d /tmp/pg_features.XXXXXX)
  log=$work/log
  set +e
  (set -e; "$@") > "$log" 2>&1
  status=$?
  set -e
  case $status in
    0) echo "pass $name ($((SECONDS - began)) s)" ;;
    "$impossible") echo "not tried $name: $(tail -n 1 "$log")" ;;
    *) printf 'fail %s\n' "$name" && tail -n 25 "$log" ;;
  esac
  find "$work" -maxdepth 2 -name postmaster.pid -exec sh -c 'kill -QUIT "$(head -n 1 "$0")"' {} \;
  rm -rf "$work"
}

same_answers() { # BEFORE
  answers > "$1.now"
  [[ $(wc -l < "$1") == "$((${#methods[@]} * 3 * 10 * 10))" ]] || { echo 'not ten answers to each query'; return 1; }
  diff "$1" "$1.now" || { echo 'other answers than before'; return 1; }
}

# --- pg_upgrade

# From 17.12 to 18.6 and 19~rc1 it fails with any extension or none (docs/upgrade.md).
upgrade() { # FROM TO
  local from=$1 to=$2
  local -a options=()
  ((from >= 18 || to < 18)) || options=(--no-data-checksums) # both clusters have them or not, and from 18 on they are the default
  make_cluster "$from" old
  start_cluster "$from" old
  make_tables
  change_tables 1
  answers > "$work/before"
  stop_cluster
  make_cluster "$to" new "${options[@]}"
  (cd "$work" && "$(bin "$to")/pg_upgrade" -b "$(bin "$from")" -B "$(bin "$to")" -d old -D new -s "$work" -U postgres) ||
    { find "$work/new/pg_upgrade_output.d" -name '*.log' -exec tail -n 5 {} +; return 1; }
  start_cluster "$to" new
  same_answers "$work/before"
  check_tables
  check_insert
  change_tables 3
  sql -c VACUUM
  check_tables
}

# --- pg_repack

repack_all() { # PG_REPACK-OPTION...
  local table
  for table in $(tables); do
    "$(bin "$version")/pg_repack" -h "$work" -U postgres -d postgres -t "$table" "$@"
  done
}

check_order() {
  local table
  for table in $(tables); do
    [[ $(sql -c "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY ctid) AS lies, row_number() OVER (ORDER BY kind, id) AS wanted
      FROM $table) r WHERE lies <> wanted") == 0 ]] || { echo "$table: its rows are not in order"; return 1; }
  done
}

repack() { # VERSION
  make_cluster "$1" data
  start_cluster "$1" data
  make_tables
  change_tables 1
  sql -c 'CREATE EXTENSION pg_repack'
  repack_all --order-by 'kind, id'
  check_order
  check_tables
  repack_all --only-indexes
  check_tables
  check_insert
}

# --- incremental backups

backup() { # TO PG_BASEBACKUP-OPTION...
  "$(bin "$version")/pg_basebackup" -h "$work" -U postgres -c fast -D "$work/$1" "${@:2}"
}

incremental() { # VERSION
  local file
  make_cluster "$1" data
  start_cluster "$1" data 'summarize_wal = on'
  make_tables
  backup full
  change_tables 1
  backup one --incremental="$work/full/backup_manifest"
  sql -c VACUUM
  change_tables 3
  answers > "$work/before"
  file=$(sql -c "SELECT pg_relation_filepath('scann_filter_v')")
  backup two --incremental="$work/one/backup_manifest"
  stop_cluster
  [[ -e $work/two/${file%/*}/INCREMENTAL.${file##*/} ]] || { echo 'the index was copied as a whole'; return 1; }
  "$(bin "$1")/pg_combinebackup" "$work/full" "$work/one" "$work/two" -o "$work/combined"
  start_cluster "$1" combined
  same_answers "$work/before"
  check_tables
  check_insert
}

# --- ways to read

io() { # VERSION METHOD
  local settings=("io_method = $2" 'shared_buffers = 2MB')
  make_cluster "$1" data
  start_cluster "$1" data "${settings[@]}" || {
    grep -E 'io_uring.*(not permitted|not implemented)' "$work/data.log" || return 1
    return "$impossible"
  }
  make_tables
  change_tables 1
  answers > "$work/before"
  stop_cluster
  start_cluster "$1" data "${settings[@]}"
  [[ $(sql -c 'SHOW io_method') == "$2" ]]
  same_answers "$work/before"
  [[ $(sql -c "SELECT sum(reads) > 0 FROM pg_stat_io WHERE object = 'relation'") == t ]] || { echo 'nothing was read'; return 1; }
  sql -c VACUUM
  change_tables 3
  sql -c 'VACUUM (FREEZE)'
  check_tables
  check_insert
}

# --- parallel autovacuum

trained() { # prints t when all indexes are
  sql -c "SELECT bool_and(maintained IS NOT NULL) FROM vector_quant_indexes() i, vector_quant_index_stats(i.index) WHERE i.\"table\"::text ~ '_empty$'"
}

# An index that was built without rows is trained by an autovacuum that has parallel workers for the table's other indexes.
autovacuum() { # VERSION
  local table
  make_cluster "$1" data
  start_cluster "$1" data 'autovacuum_max_parallel_workers = 2' 'autovacuum_naptime = 1' 'log_autovacuum_min_duration = 0' \
    'min_parallel_index_scan_size = 0'
  make_tables
  for table in $(tables); do
    sql -c "CREATE INDEX ON $table (kind)" -c "CREATE INDEX ON $table (kind, id)" \
      -c "ALTER TABLE $table SET (autovacuum_parallel_workers = 2, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_insert_scale_factor = 0)"
  done
  [[ $(trained) == f ]]
  change_tables 1
  sql -c "ALTER SYSTEM SET autovacuum = on" -c 'SELECT pg_reload_conf()'
  for _ in {1..60}; do
    [[ $(trained) != t ]] || break
    sleep 1
  done
  [[ $(trained) == t ]] || { echo 'not trained in a minute'; return 1; }
  for table in "${methods[@]/%/_empty}"; do
    grep -m 1 -A 12 "automatic vacuum of table \"postgres.public.$table\"" "$work/data.log" |
      grep -qE 'parallel workers: index vacuum: [1-9] planned, [1-9] launched' || { echo "$table: no parallel workers"; return 1; }
  done
  check_tables
  check_insert
}

# ---

run_part() {
  local v m
  case $1 in
    upgrade) for v in '15 17' '15 18' '15 19' '18 19'; do try "upgrade ${v/ / to }" upgrade ${v% *} ${v#* }; done ;;
    repack) for v in 15 17 18 19; do [[ ! -e $(bin $v)/pg_repack ]] || try "repack $v" repack $v; done ;;
    incremental) for v in 17 18 19; do try "incremental $v" incremental $v; done ;;
    io) for v in 18 19; do for m in sync worker io_uring; do try "io $v $m" io $v $m; done; done ;;
    autovacuum) try 'autovacuum 19' autovacuum 19 ;;
  esac
}

for part in "$@"; do run_part "$part"; done
