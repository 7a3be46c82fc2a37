#!/usr/bin/env bash
# What takes longer than a test may: random kills, damage, mixed load. Figures of past runs: docs/trust.md.
#   bash test/trust.sh kills 1000           kills the whole server so many times under load
#   bash test/trust.sh damage 10000         damages so many places in indexes of a stopped server, and uses them
#   bash test/trust.sh running 5000         the same while the server runs, and sessions that have used the index go on
#   bash test/trust.sh mixed 7200           so many seconds of load beside a standby that compares every page it replays
#   bash test/trust.sh sanitizers 3600      the load with the library built with address and undefined-behaviour sanitizers; not on
#                                           Debian's server, which does not start beneath them
#   bash test/trust.sh kills 50 mixed 600   several
# Runs servers as check.sh does: from a copy of PostgreSQL in a temporary folder, or from the installation that PG_CONFIG names, into which
# it installs the extension: one with assertions is made by assertions.sh. Logs end up in build/trust. Each part prints what is wrong,
# and ends with a line of counts and `N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/trust
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
# shellcheck source-path=SCRIPTDIR source=load.sh
source "$root/test/load.sh"
cd "$root"

failed=0 all_failed=0
settings=('jit = off' 'shared_buffers = 4MB' 'max_wal_size = 64MB' 'max_parallel_workers_per_gather = 0' 'min_parallel_table_scan_size = 0')

fail() { # WHAT: nothing where that is empty
  [[ -n $1 ]] || return 0
  failed=$((failed + 1))
  printf 'FAIL %s\n' "$1" | tee -a "$out/failures.log"
}

prepare() {
  [[ -n ${PG_CONFIG:-} ]] ||
    install_packages "postgresql-$(pg_major)" "postgresql-server-dev-$(pg_major)" g++ make libxsimd-dev perl libipc-run-perl
  mkdir -p "$out"
  rm -f "$out"/*.log
  make_stage
  choose_postgres
  copy_tree
}

# Objects of another server, with or without assertions, or built otherwise, are none for this one: each kind is built in a copy of the
# tree that stays, for the next time.
build() { # MAKE-ARGUMENTS...
  local tree=$root
  if [[ -n ${PG_CONFIG:-} || $# -gt 0 ]]; then
    tree=$out/tree.$({ "$pg/bin/pg_config" --version --configure && echo "$@"; } | cksum | cut -d ' ' -f 1)
    mkdir -p "$tree"
    tar -C "$stage/tree" -c . | tar -C "$tree" -x --no-same-owner
  fi
  PG_CONFIG=$pg/bin/pg_config build_extension "$tree" "$@"
}

new_cluster() { # LINES of postgresql.conf
  tables=0
  new_server "${settings[@]}" "$@"
  make_tables
  fill_tables
}

# The server of a part goes, its log stays.
end_cluster() { # PART
  as_server pg_ctl -D "$stage/data" -m fast -w stop > /dev/null || fail 'the server does not stop'
  cp "$stage/server.log" "$out/$1.server.log"
  rm -rf "$stage/data" "$stage/server.log" "$stage/load"
}

server() { sql -c "SELECT format('PostgreSQL %s, assertions %s', current_setting('server_version'), current_setting('debug_assertions'))"; }

end_part() { # COUNTS
  echo "$1, $failed failed"
  all_failed=$((all_failed + failed)) failed=0
}

# --- kills

# The postmaster that has this folder, and its children, at once; or an immediate stop, by turns.
kill_server() {
  local pid
  local -a all
  if ((kill % 2)); then
    as_server pg_ctl -D "$stage/data" -m immediate -w stop > /dev/null
    return
  fi
  pid=$(head -n 1 "$stage/data/postmaster.pid")
  [[ $(readlink "/proc/$pid/cwd") == "$stage/data" ]] || die "process $pid is no server of $stage/data"
  kill -STOP "$pid" # so that it has no more children than these
  mapfile -t all < <(ps -o pid= --ppid "$pid")
  kill -9 "${all[@]}" "$pid" || true
  while ps -p "$(tr -s ' ' , <<< "$pid ${all[*]}")" > /dev/null; do sleep 0.05; done
}

# What sessions are at, by the first words of their statements.
note_work() {
  local what
  while read -r what; do
    hit[$what]=$((${hit[$what]:-0} + 1))
  done < <(sql -c "SELECT replace(substring(query from '(?:^REINDEX INDEX CONCURRENTLY|vector_quant_maintain|^\w+)'), ' INDEX', '')
    FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()")
}

# A killed REINDEX CONCURRENTLY leaves an index that is not valid.
drop_invalid() {
  sql -c "SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid AND indexrelid >= 16384" | sql
}

kills() { # NUMBER
  local kill what list=''
  local -A hit=()
  build
  new_cluster
  for ((kill = 1; kill <= $1; kill++)); do
    start_load 60
    sleep "$((RANDOM % 3)).$((300 + RANDOM % 700))"
    note_work
    kill_server
    wait "${load[@]}" || true # they lose the server
    start_server || die "the server does not start after kill $kill: $stage/server.log"
    drop_invalid
    fail "$(wrong 5432 | sed "s/^/kill $kill: /")"
    ((kill % 50)) || say "$kill kills, $failed failed, $SECONDS s"
  done
  what=$(server)
  end_cluster kills
  fail "$(bad_lines "$out/kills.server.log" | head -n 20)"
  for kill in "${!hit[@]}"; do list+="${list:+, }$kill ${hit[$kill]}"; done
  end_part "kills: $what; $1 kills under load ($list), $tables tables after each"
}

# --- damage

# A TAP file that damages one place in each of its indexes a round, with places that no run before had.
damages() { # PART FILE NUMBER PER-ROUND: in the others of its indexes there is no such page, or nothing changed
  local log=$out/$1.log
  build
  find_test_tools
  VQ_DAMAGE_SEED=${VQ_DAMAGE_SEED:-$RANDOM} VQ_DAMAGE_ROUNDS=$((($3 + $4 - 1) / $4)) prove_file "$2" > "$log" 2>&1 || true
  failed=$(grep -cE '^not ok [0-9]+' "$log" || true)
  grep -E '^# All [0-9]+ tests|^All tests successful' "$log" > /dev/null || ((failed)) || fail "it did not come to its end: $log"
  ((failed == 0)) || grep -A 20 -E '^not ok|^#   Failed' "$log" | head -n 60
  end_part "$1: $("$pg/bin/postgres" --version), $(sed -nE 's/^# (seed [0-9]+)$/\1/p' "$log"); $(awk -F '[:,] ' '
    /^# [a-z_]+ [a-z]+: [0-9]+ reported, [0-9]+ answered/ { reported += $2; answered += $3 }
    /^# most memory/ { most = $2 }
    END { printf "%d damages, %d reported, %d answered rightly, most memory of a session %s", reported + answered, reported, answered, most }' "$log")"
}

damage() { damages damage 008_damage "$1" 36; }
running() { damages running 054_damage_while_running "$1" 25; }

# --- mixed load

transactions() { sed -nE 's/^number of transactions actually processed: ([0-9]+).*/\1/p' "$out"/{writers,vacuum,upkeep}.log | awk '{ n += $1 } END { print n + 0 }'; }

# How often each script ran: "insert 120, update 115, ..."
by_script() {
  awk '/^SQL script [0-9]+: / { n = split($0, path, "/"); name = path[n]; sub(/\.sql.*/, "", name) }
    /^ - [0-9]+ transactions/ { count[name] += $2 }
    /^number of transactions actually processed/ && !/script/ { if (FILENAME ~ /vacuum/) count["vacuum"] += $NF }
    END { for (name in count) printf "%s%s %d", sep++ ? ", " : "", name, count[name] }' "$out"/{writers,vacuum,upkeep}.log
}

# Until the sessions of the load have ended; not for ever, and not without the servers.
wait_for_load() { # SECONDS DATA-FOLDERS...
  local end=$((SECONDS + $1 + 300)) data session ended=0
  shift
  while [[ -n $(jobs -rp) ]]; do
    sleep 1
    ((SECONDS < end)) || { fail 'the load does not come to its end'; break; }
    for data in "$@"; do
      as_server pg_ctl -D "$data" status > /dev/null || { fail "$(basename "$data") is gone"; break 2; }
    done
  done
  # Those that still wait for a server that is gone lose theirs.
  [[ -z $(jobs -rp) ]] || as_server pg_ctl -D "$stage/data" -m immediate -w stop > /dev/null
  for session in "${load[@]}"; do wait "$session" || ended=1; done
  ((!ended)) || fail "sessions of the load failed: $(grep -h 'error:' "$out"/{writers,vacuum,upkeep,readers}.log 2> /dev/null | head -n 5)"
}

new_standby() {
  sql -c "SELECT pg_create_physical_replication_slot('standby')" > /dev/null
  as_server pg_basebackup -D "$stage/standby" -R -S standby -c fast
  printf '%s\n' 'port = 5433' 'hot_standby_feedback = on' 'max_standby_streaming_delay = -1' >> "$stage/standby/postgresql.conf"
  as_server pg_ctl -D "$stage/standby" -w -l "$stage/standby.log" start > /dev/null
  # So the load waits for the standby, and pages are compared soon after they were written.
  sql -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c "ALTER SYSTEM SET synchronous_commit = remote_apply" -c 'SELECT pg_reload_conf()' > /dev/null
}

caught_up() {
  local i
  for ((i = 0; i < 300; i++)); do
    [[ $(sql -c "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()") != 1 ]] || return 0
    sleep 1
  done
  return 1
}

compare_servers() {
  local port n
  caught_up || { fail 'the standby does not catch up'; return; }
  for port in 5432 5433; do
    fail "$(wrong "$port" | sed "s/^/port $port: /")"
    for ((n = 0; n < tables; n++)); do sql -p "$port" -c "SELECT answers($n)"; done > "$out/answers.$port.log" 2>&1
  done
  cmp -s "$out"/answers.543[23].log || fail "primary and standby answer differently: $(diff "$out"/answers.543[23].log | head -n 4)"
}

mixed() { # SECONDS
  local what
  build
  new_cluster "wal_consistency_checking = 'all'"
  new_standby
  what=$(server)
  start_load "$1"
  start_session readers 1 "$1" 5433 query@1 filter@1
  wait_for_load "$1" "$stage/data" "$stage/standby"
  ((failed)) || compare_servers
  as_server pg_ctl -D "$stage/standby" -m immediate -w stop > /dev/null || true
  cp "$stage/standby.log" "$out/mixed.standby.log"
  end_cluster mixed
  fail "$(bad_lines "$out"/mixed.*.log | head -n 20)"
  end_part "mixed: $what; $1 s, $(transactions) transactions ($(by_script)), pages compared by a standby, $tables tables on both"
}

# --- sanitizers

# Only the library is built with them; their own libraries have to be loaded first. What is PostgreSQL's own is not looked at: it leaves
# memory to the end of a process, and hands out pieces of large blocks, in which addresses past a piece's end are not noticed.
sanitizers() { # SECONDS
  local what
  build CXX='g++ -fsanitize=address,undefined -fno-omit-frame-pointer -g -O1'
  server_env=("LD_PRELOAD=$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)"
    'ASAN_OPTIONS=detect_leaks=0:abort_on_error=1' 'UBSAN_OPTIONS=print_stacktrace=1')
  as_server timeout 20 env "${server_env[@]}" "$pg/bin/postgres" -V > /dev/null ||
    die "this server does not start beneath the sanitizers, as Debian's own, which hangs in bindtextdomain: take that of assertions.sh"
  new_cluster
  what=$(server)
  start_load "$1"
  wait_for_load "$1" "$stage/data"
  ((failed)) || fail "$(wrong 5432)"
  server_env=()
  end_cluster sanitizers
  fail "$(bad_lines "$out/sanitizers.server.log" | head -n 20)"
  end_part "sanitizers: $what; $1 s, $(transactions) transactions ($(by_script)), $tables tables"
}

main() {
  (($# >= 2 && $# % 2 == 0)) || die "usage: bash test/trust.sh (kills|damage|running NUMBER | mixed|sanitizers SECONDS)..."
  prepare
  while (($#)); do
    case $1 in
      kills | damage | running | mixed | sanitizers) "$1" "$2" ;;
      *) die "no part is named $1" ;;
    esac
    shift 2
  done
  ((all_failed == 0))
}

main "$@"
