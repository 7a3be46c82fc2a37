# Tables of each access method, with and without refine codes and filter columns; a load upon them; and what is wrong with them when it
# is over. Table tN has index vN. The load's scripts are in load/; needs lib.sh and stage.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, and the folder of logs: the script that sources this file has them

tables=0 load=()
mapfile -t methods < <(sed -nE 's/^(\w+) *\|.*/\1/p' "$root/test/access_methods")

# Indexes without rows, unless filled afterwards.
make_tables() {
  local am with filter table
  cp -r "$root/test/load" "$stage/load"
  give_stage
  sql -f load/tables.sql > /dev/null
  for am in "${methods[@]}"; do
    for with in 'refine = false' "refine = true, refine_type = 'SQ8'"; do
      for filter in '' ', f'; do
        table="t$tables (id bigint PRIMARY KEY, f int, v vector(32))"
        sql -c "CREATE TABLE $table; SET client_min_messages = warning; CREATE INDEX v$tables ON t$tables USING $am (v$filter) WITH ($with)"
        tables=$((tables + 1))
      done
    done
  done
}

fill_tables() {
  local n
  for ((n = 0; n < tables; n++)); do
    sql -c "INSERT INTO t$n SELECT id, id % 7, v FROM vectors WHERE id <= 1200" -c "VACUUM ANALYZE t$n"
  done
}

# A session that runs scripts of load/ in the background, each as often as its weight says.
start_session() { # LOG CLIENTS SECONDS PORT SCRIPT@WEIGHT...
  local log=$out/$1.log clients=$2 seconds=$3 port=$4
  local -a scripts=()
  shift 4
  while (($#)); do scripts+=(-f "load/${1/@/.sql@}") && shift; done
  as_server env PGOPTIONS='-c enable_seqscan=off -c enable_sort=off' pgbench -p "$port" -n -c "$clients" -T "$seconds" -D tables="$tables" \
    "${scripts[@]}" postgres > "$log" 2>&1 &
  load+=($!)
}

# Indexes are built by the sessions that train, since two that change the same table's indexes wait for each other.
start_load() { # SECONDS
  load=()
  start_session writers 4 "$1" 5432 insert@6 update@6 delete@3 abort@1 query@5 filter@5
  start_session vacuum 1 "$1" 5432 vacuum@1
  start_session upkeep 1 "$1" 5432 maintain@1 grow@1 reindex@1 concurrently@2
}

# What is wrong, in a line each. Nobody writes now.
wrong() { # PORT
  local n
  for ((n = 0; n < tables; n++)); do
    sql -p "$1" -c "SELECT * FROM wrong($n)" 2>&1 | sed "s/^/t$n: /" || true
  done
}

# Lines of servers' logs that no load may cause.
bad_lines() { # LOGS...
  grep -hE 'PANIC:|TRAP:|ERROR: |inconsistent page|runtime error:|Sanitizer|terminated by signal|server process .*exited with exit code' "$@" || true
}
