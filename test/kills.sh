#!/usr/bin/env bash
# Kills sessions at random moments while indexes are trained anew under load: after each kill, and recovery from it, every index must be
# sound and hold each row of its table once.
#   bash test/kills.sh            200 kills, about 8 minutes
#   bash test/kills.sh 1000       as many
# Runs servers as check.sh does: from a copy of PostgreSQL in a temporary folder, or from the installation that PG_CONFIG names. The
# server's log ends up in build/kills. Ends with `N kills, N in a run (...), N runs done, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/kills
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
cd "$root"

kills=${1:-200}
dims=32
rows=1200 # of a table that was emptied
failed=0 load=()
declare -A died=() # stage of the run, kills
mapfile -t methods < <(sed -nE 's/^(\w+) *\|.*/\1/p' test/access_methods)

sql() { as_server psql -qXAt -v ON_ERROR_STOP=1 -d postgres "$@"; }

prepare() {
  [[ -n ${PG_CONFIG:-} ]] || install_packages "postgresql-$(pg_major)" "postgresql-server-dev-$(pg_major)" g++ make libxsimd-dev
  mkdir -p "$out"
  make_stage
  if [[ -n ${PG_CONFIG:-} ]]; then pg=$(dirname "$("$PG_CONFIG" --bindir)"); else copy_postgres; fi
  make -s -j2 PG_CONFIG="$pg/bin/pg_config" > "$out/build.log" 2>&1 &&
    make -s install PG_CONFIG="$pg/bin/pg_config" >> "$out/build.log" 2>&1 || die "build failed: $out/build.log"
  ((EUID != 0)) || chown -R postgres:postgres "$stage/tmp" "$stage"
  as_server initdb -D "$stage/data" -U postgres -A trust -N --no-locale -E UTF8 > "$out/initdb.log" 2>&1
  printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$stage/tmp'" 'fsync = off' 'autovacuum = off' 'jit = off' \
    'shared_buffers = 16MB' "log_line_prefix = '[%p] '" >> "$stage/data/postgresql.conf"
  as_server pg_ctl -D "$stage/data" -w -l "$stage/server.log" start > /dev/null
}

# Of each access method a table with refine codes and one without; scripts of the sessions that write and of those that train.
make_tables() {
  local am table with number=0
  sql << SQL
CREATE EXTENSION vector_quant;
SELECT setseed(0.5);
CREATE SEQUENCE s START 100000;
CREATE TABLE vectors AS SELECT id, array_agg(id % 30 * ((d * 7 + id % 30) % 11) + random())::vector($dims) AS v
    FROM generate_series(1, 4000) id, generate_series(1, $dims) d GROUP BY id;
CREATE UNIQUE INDEX ON vectors (id);
SQL
  for am in "${methods[@]}"; do
    for with in 'refine = false' 'refine = true'; do
      table=t$((number++))
      tables+=("$table")
      sql -c "CREATE TABLE $table (id bigint PRIMARY KEY, v vector($dims))" \
        -c "SET client_min_messages = warning; CREATE INDEX ${table}_v ON $table USING $am (v) WITH ($with)"
      cat >> "$stage/tmp/writer.sql" << SQL
INSERT INTO $table SELECT n, v FROM (SELECT nextval('s') n FROM generate_series(1, 3)) g, vectors WHERE id = 1 + n % 4000;
\\set from random(1, 4000)
\\set to random(1, $rows)
UPDATE $table SET v = (SELECT v FROM vectors WHERE id = :from) WHERE id = :to;
DELETE FROM $table WHERE id = (SELECT last_value - 40 FROM s);
SQL
      for _ in {1..30}; do
        echo "TRUNCATE $table; INSERT INTO $table SELECT * FROM vectors WHERE id <= $rows; VACUUM $table;
          INSERT INTO $table SELECT nextval('s'), v FROM vectors WHERE id <= 2 * $rows; VACUUM $table; VACUUM $table;"
      done > "$stage/tmp/trainer_$table.sql"
    done
  done
}

start_load() {
  local table
  load=()
  as_server pgbench -n -c 4 -j 1 -T 60 -f "$stage/tmp/writer.sql" postgres > "$stage/tmp/pgbench.log" 2>&1 &
  load+=($!)
  for table in $(printf '%s\n' "${tables[@]}" | shuf -n 3); do
    as_server env PGAPPNAME=trainer \
      PGOPTIONS='-c log_min_messages=debug1 -c client_min_messages=warning -c vacuum_cost_delay=1 -c vacuum_cost_limit=100' \
      psql -qX -d postgres -f "$stage/tmp/trainer_$table.sql" > "$stage/tmp/trainer_$table.log" 2>&1 &
    load+=($!)
  done
}

# One of four kills is of a writer.
kill_one() {
  local victim whom=trainer from
  ((RANDOM % 4)) || whom=pgbench
  sleep "$((RANDOM % 2)).$((100 + RANDOM % 900))"
  victim=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = '$whom' ORDER BY random() LIMIT 1")
  from=$(stat -c %s "$stage/server.log")
  kill -9 "$victim" || die "no $whom is there to be killed: $(tail -n 3 "$stage"/tmp/*.log)"
  wait "${load[@]}" || true # they lose the server
  until sql -c 'SELECT 1' > /dev/null 2>&1; do sleep 0.1; done
  note_stage "$from"
}

# What the runs had come to that the kill has ended: the last stage of each session, unless that was the last one of its run.
note_stage() { # offset into the log
  local stage_name
  while read -r stage_name; do
    died[$stage_name]=$((${died[$stage_name]:-0} + 1))
  done < <(tail -c "+$((began + 1))" "$stage/server.log" | head -c "$(($1 - began))" |
    sed -nE 's/^\[([0-9]+)\] .*next generation: (\w+)$/\1 \2/p; s/^\[([0-9]+)\] .*was trained anew.*/\1 done/p' |
    awk '{ last[$1] = $2 } END { for (p in last) if (last[p] != "done") print last[p] }')
  began=$(stat -c %s "$stage/server.log")
}

fail() {
  failed=$((failed + 1))
  printf 'kill %d: %s\n' "$kill" "$1"
}

# Nobody writes now.
check_all() {
  local table said
  for table in "${tables[@]}"; do
    said=$(sql -c "SET client_min_messages = warning; SELECT vector_quant_index_check('${table}_v', true)" 2>&1) || true
    [[ -z $said ]] || fail "$table: $said"
    said=$(sql -c "SET enable_seqscan = off; SET enable_sort = off; $relaxed
      WITH i AS MATERIALIZED (SELECT id FROM $table ORDER BY v <-> (SELECT v FROM vectors WHERE id = 1))
      SELECT count(*) = (SELECT count(*) FROM $table) AND count(DISTINCT id) = count(*) FROM i" 2>&1) || true
    [[ $said == t ]] || fail "$table: not every row once through the index ($said)"
  done
}

# VACUUM finds what runs have left.
check_lost() {
  local table said
  for table in "${tables[@]}"; do
    said=$(sql -c "VACUUM $table" -c "SELECT lost_bytes FROM vector_quant_index_stats('${table}_v')" 2>&1) || true
    [[ $said == 0 ]] || fail "$table: after VACUUM $said"
  done
}

summary() {
  local log=$out/server.log others in_run=0 stages='' name
  cp "$stage/server.log" "$log"
  others=$(grep -oE 'PANIC:.*|TRAP:.*|terminated by signal ([1-8]\b|[1-9][0-9]).*' "$log" | sort | uniq -c || true)
  [[ -z $others ]] || fail "$others"
  for name in "${!died[@]}"; do
    in_run=$((in_run + died[$name]))
    stages+="${stages:+, }$name ${died[$name]}"
  done
  echo "$kills kills, $in_run runs ended by them ($stages), $(grep -c 'was trained anew' "$log" || true) runs done, $failed failed"
  ((in_run > 0)) || fail 'no run was hit'
  ((failed == 0))
}

tables=() began=0
prepare
make_tables
relaxed=$(printf 'SET %s.iterative_scan = relaxed_order; ' "${methods[@]}")
for ((kill = 1; kill <= kills; kill++)); do
  start_load
  kill_one
  check_all
  ((kill % 10)) || check_lost
  ((kill % 50)) || say "$kill kills, $failed failed, $SECONDS s"
done
summary
