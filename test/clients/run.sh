#!/usr/bin/env bash
# Runs the programs of docs/clients.md as they stand there, each with the pinned version of its client, against a throwaway server.
#   bash test/clients/run.sh                 all
#   bash test/clients/run.sh psycopg knex    some
# Not part of test/check.sh: it takes packages of five languages from their registries; only what test/t/047_clients.pl runs is. What it installs
# stays in build/clients/, and the next run is shorter. Each runs with our own types and with pgvector's: Debian's package, or what is built from the
# checkout that VQ_PGVECTOR names. PG_CONFIG names another PostgreSQL, used as it is, with the extension and pgvector installed.
# A client passes if it prints what the document says, an index of ours answered it, and no object of the extension is gone.
# Prints `pass NAME` or `fail NAME` for each, and ends with `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/test/clients
work=$root/build/clients
# shellcheck source-path=SCRIPTDIR source=../../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=../stage.sh
source "$root/test/stage.sh"

# --- the server

get_pgvector() {
  local package
  package=postgresql-$(pg_major)-pgvector
  [[ -z ${VQ_PGVECTOR:-} && -n $(apt-cache policy "$package" 2> /dev/null) ]] || return 0
  install_packages "$package"
}

build_pgvector() {
  [[ -n ${VQ_PGVECTOR:-} ]] || return 0
  say "building pgvector of $VQ_PGVECTOR"
  cp -r "$VQ_PGVECTOR" "$stage/pgvector"
  make -C "$stage/pgvector" clean install OPTFLAGS= PG_CONFIG="$PG_CONFIG" > "$work/pgvector.log" 2>&1 ||
    { tail "$work/pgvector.log" >&2; die 'pgvector was not built'; }
}

prepare_postgres() {
  if [[ -n ${PG_CONFIG:-} ]]; then
    choose_postgres
    return
  fi
  install_packages "postgresql-$(pg_major)" "postgresql-server-dev-$(pg_major)" g++ make libxsimd-dev python3
  get_pgvector
  copy_postgres
  PG_CONFIG=$pg/bin/pg_config
  build_pgvector
  build_extension "$root"
}

has_pgvector() { [[ -e $("$PG_CONFIG" --sharedir)/extension/vector.control ]]; }

serve() {
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  new_server "port = $port" "listen_addresses = '127.0.0.1'" 'jit = off' || { cat "$stage"/tmp/*.log >&2; die 'the server did not start'; }
}

sql() { # DATABASE, PSQL-ARGUMENTS...: as superuser
  local database=$1
  shift
  as_server psql -XqAt -v ON_ERROR_STOP=1 -p "$port" -d "$database" "$@"
}

objects() { sql "$1" -c "SELECT count(*) FROM pg_depend WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass"; }

# Tables of a few rows are read as a whole; here they are not, so that the index is tried.
make_database() { # DATABASE TYPES
  sql postgres -c "CREATE DATABASE $1 OWNER app" -c "ALTER DATABASE $1 SET enable_seqscan = off"
  [[ $2 != pgvector ]] || sql "$1" -c 'CREATE EXTENSION vector'
  sql "$1" -c 'CREATE EXTENSION vector_quant'
}

# Statistics of a session come in with its end.
index_answered() { # DATABASE
  local try
  for try in 1 2 3 4 5; do
    [[ $(sql "$1" -c "SELECT count(*) > 0 FROM pg_stat_user_indexes s JOIN pg_class c ON c.oid = s.indexrelid JOIN pg_am a ON a.oid = c.relam
      WHERE a.amname IN ($access_methods) AND s.idx_scan > 0") != t ]] || return 0
    sleep "0.$try"
  done
  return 1
}

# --- one client

run_client() { # NAME LANGUAGE TYPES PACKAGES...: prints nothing if it passes, else why not
  local name=$1 language=$2 types=$3 database=client_${1//-/_}_$3 folder=$work/$1 before
  shift 3
  [[ $types != pgvector ]] || has_pgvector || { echo 'pgvector is not here; VQ_PGVECTOR names a checkout to build it from'; return; }
  rm -rf "$folder/program"
  bash "$here/blocks.sh" "$name" "$folder/program" > "$folder.expected"
  [[ -s $folder.expected ]] || { echo 'docs/clients.md says nothing of what it prints'; return; }
  make_database "$database" "$types"
  before=$(objects "$database")
  (cd "$folder/program" && env PGHOST=127.0.0.1 PGPORT="$port" PGUSER=app PGDATABASE="$database" \
    DATABASE_URL="postgresql://app@127.0.0.1:$port/$database" bash "$here/$language.sh" "$@" > "$folder.actual" 2> "$folder.log" < /dev/null) ||
    { echo "it failed, $folder.log:"; tail -n 15 "$folder.log"; return; }
  diff -u --label expected --label actual "$folder.expected" "$folder.actual" || return 0
  index_answered "$database" || { echo 'no index of ours was asked'; return; }
  [[ $(objects "$database") == "$before" ]] || echo "the extensions had $before objects, and have $(objects "$database")"
}

report() { # NAME LANGUAGE TYPES PACKAGES...
  local why began=$SECONDS
  why=$(run_client "$@" 2>&1)
  if [[ -z $why ]]; then
    passed=$((passed + 1))
    echo "pass $1 ($3, $((SECONDS - began)) s)"
  else
    failed=$((failed + 1))
    printf 'fail %s (%s)\n%s\n' "$1" "$3" "$why"
  fi
}

run_all() { # NAMES...: those of the pins, or all of them
  local name language types packages asked=" $* "
  while read -r name language types packages; do
    [[ -n $name && $name != '#'* ]] || continue
    [[ $asked == '  ' || $asked == *" $name "* ]] || continue
    # shellcheck disable=SC2086
    [[ $types == pgvector ]] || report "$name" "$language" own $packages
    # shellcheck disable=SC2086
    ! has_pgvector && [[ $types == both ]] || report "$name" "$language" pgvector $packages
  done < "$here/pins"
}

main() {
  local name
  access_methods=$(sed -nE "s/^([a-z_]+) *\|.*/'\1'/p" "$root/test/access_methods" | paste -sd,)
  for name in "$@"; do
    grep -q "^$name " "$here/pins" || die "$name is not in test/clients/pins"
  done
  mkdir -p "$work"
  make_stage
  prepare_postgres
  serve
  has_pgvector || say 'pgvector is not here: with our own types only'
  sql postgres -c 'CREATE ROLE app LOGIN'
  run_all "$@"
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

main "$@"
