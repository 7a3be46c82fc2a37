#!/usr/bin/env bash
# Kills sessions at random moments while indexes are trained anew under load: after each kill, and recovery from it, every index must be
# sound and hold each row of its table once.
#   bash test/kills.sh            200 kills, about 10 minutes
#   bash test/kills.sh 1000       as many
# Runs servers as check.sh does: from a copy of PostgreSQL in a temporary folder, or from the installation that PG_CONFIG names. The
# server's log ends up in build/kills. Ends with `N kills, N in a run (...), N runs done, N failed`. Kills of the whole server: trust.sh.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/kills
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
source "$root/test/load.sh"
cd "$root"

kills=${1:-200}
failed=0
declare -A died=() # stage of the run, kills

prepare() {
  [[ -n ${PG_CONFIG:-} ]] || install_packages "postgresql-$(pg_major)" "postgresql-server-dev-$(pg_major)" g++ make libxsimd-dev
  mkdir -p "$out"
  make_stage
  choose_postgres
  PG_CONFIG=$pg/bin/pg_config build_extension "$root"
  new_server 'jit = off' 'shared_buffers = 16MB' "log_line_prefix = '[%p] '"
  make_tables
}

# A session that trains the index of a table again and again.
start_trainer() { # NUMBER
  local n=$1
  for _ in {1..30}; do
    echo "TRUNCATE t$n; INSERT INTO t$n SELECT id, id % 7, v FROM vectors WHERE id <= 1200; VACUUM t$n;
      INSERT INTO t$n SELECT nextval('s'), id % 7, v FROM vectors WHERE id <= 2400; VACUUM t$n; VACUUM t$n;"
  done > "$out/trainer_$n.sql"
  as_server env PGAPPNAME=trainer \
    PGOPTIONS='-c log_min_messages=debug1 -c client_min_messages=warning -c vacuum_cost_delay=1 -c vacuum_cost_limit=100' \
    psql -qX -d postgres < "$out/trainer_$n.sql" > "$out/trainer_$n.log" 2>&1 &
  load+=($!)
}

start() {
  local n
  load=()
  start_session writers 4 60 5432 insert@1 update@2 delete@1
  for n in $(shuf -i "0-$((tables - 1))" -n 3); do start_trainer "$n"; done
}

# One of four kills is of a writer.
kill_one() {
  local victim whom=trainer from
  ((RANDOM % 4)) || whom=pgbench
  sleep "$((RANDOM % 2)).$((100 + RANDOM % 900))"
  victim=$(sql -c "SELECT pid FROM pg_stat_activity WHERE application_name = '$whom' ORDER BY random() LIMIT 1")
  from=$(stat -c %s "$stage/server.log")
  kill -9 "$victim" || die "no $whom is there to be killed: $(tail -n 3 "$out"/*.log)"
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

check_all() {
  local said
  said=$(wrong 5432)
  [[ -z $said ]] || fail "$said"
}

# VACUUM finds what runs have left.
check_lost() {
  local n said
  for ((n = 0; n < tables; n++)); do
    said=$(sql -c "VACUUM t$n" -c "SELECT lost_bytes FROM vector_quant_index_stats('v$n')" 2>&1) || true
    [[ $said == 0 ]] || fail "t$n: after VACUUM $said"
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
  ((in_run > 0)) || fail 'no run was hit'
  echo "$kills kills, $in_run runs ended by them ($stages), $(grep -c 'was trained anew' "$log" || true) runs done, $failed failed"
  ((failed == 0))
}

began=0
prepare
for ((kill = 1; kill <= kills; kill++)); do
  start
  kill_one
  check_all
  ((kill % 10)) || check_lost
  ((kill % 50)) || say "$kill kills, $failed failed, $SECONDS s"
done
summary
