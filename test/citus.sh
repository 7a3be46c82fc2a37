#!/usr/bin/env bash
# The Citus part of docs/more_than_one_machine.md, run as it stands there: a coordinator and two workers in a temporary folder, and the answers
# compared with an exact scan of the same rows in a table that is not distributed. With our own types, and where pgvector is installed, too, on
# other servers with its types. Not part of test/check.sh: Debian has no package of Citus.
#   PG_CONFIG=... bash test/citus.sh
# Both extensions must be installed in the PostgreSQL that PG_CONFIG names (default: the newest of this machine): Citus from its own packages or
# from source (github.com/citusdata/citus; 13.2 for PostgreSQL 15 to 17, 14 for 16 to 18), vector_quant by `make install`. As root the servers run
# as user postgres. Ends with `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
page=$root/docs/more_than_one_machine.md
ports=(57320 57321 57322) # coordinator, worker1, worker2
dims=384

has_extension() { [[ -e $("$PG_CONFIG" --sharedir)/extension/$1.control ]]; }

need_extensions() {
  local name
  PG_CONFIG=${PG_CONFIG:-/usr/lib/postgresql/$(pg_major)/bin/pg_config}
  choose_postgres
  for name in citus vector_quant; do
    has_extension "$name" ||
      die "no $name in $("$PG_CONFIG" --sharedir)/extension; nothing was tested. Citus: its own packages, or github.com/citusdata/citus (13.2 for PostgreSQL 15 to 17). vector_quant: make install."
  done
}

# --- servers

start() { # NUMBER
  local data=$stage/data$1
  as_server initdb -D "$data" -U postgres -A trust -N --no-locale -E UTF8 > "$stage/initdb.log" 2>&1
  cat >> "$data/postgresql.conf" << CONF
port = ${ports[$1]}
listen_addresses = 'localhost'
unix_socket_directories = '$stage/tmp'
shared_preload_libraries = 'citus'
wal_level = logical
max_prepared_transactions = 100
fsync = off
jit = off
autovacuum = off
citus.enable_statistics_collection = off
CONF
  as_server pg_ctl -D "$data" -w -l "$stage/server$1.log" start > /dev/null
}

end() { # NUMBER
  as_server pg_ctl -D "$stage/data$1" -m fast -w stop > /dev/null
  rm -rf "$stage/data$1"
}

sql() { # PORT SQL
  as_server psql -XqAt -v ON_ERROR_STOP=1 -p "$1" -d postgres <<< "$2"
}

coordinator() { sql "${ports[0]}" "$1"; }

# --- the page

# The SQL of the blocks below `<!-- server NAME: ... -->`, the NUMBERth of them.
block() { # NAME NUMBER
  awk -v name="$1" -v number="$2" '
    /^<!-- (server|database) / { mine = $3 == name ":" }
    /^```sql/ && mine          { if (++seen == number) { inside = 1; next } }
    /^```/                     { inside = 0 }
    inside                     { print }' "$page"
}

blocks() { # NAME: how many
  awk -v name="$1" '/^<!-- (server|database) / { mine = $3 == name ":" } /^```sql/ && mine { seen++ } END { print seen + 0 }' "$page"
}

query_literal() { # NUMBER
  awk -v d="$dims" -v n="$1" "BEGIN { for (i = 1; i <= d; i++) printf(\"%s%.3f\", (i > 1) ? \",\" : \"[\", sin(i * 1.7 + n)); print \"]\" }"
}

# What a reader fills in: addresses, rows, vectors.
filled() {
  local rows="INSERT INTO items SELECT i, (ARRAY['cs.RO', 'cs.CL', 'math.NT'])[1 + i % 3],
    (SELECT array_agg(sin(i * 12.9898 + d * i * 78.233) ORDER BY d) FROM generate_series(1, $dims) d)::real[]::vector FROM generate_series(1, 8000) i;"
  rows=${rows//$'\n'/ }
  sed -e "s/'coordinator.example', 5432/'localhost', ${ports[0]}/; s/'worker1.example', 5432/'localhost', ${ports[1]}/; s/'worker2.example', 5432/'localhost', ${ports[2]}/" \
    -e "s/^-- load the rows.*/$rows/" -e "s/'\[\.\.\.\]'/'$(query_literal 0)'/g"
}

run_block() { # NUMBER
  block citus "$1" | filled > "$stage/block.sql"
  as_server psql -XqAt -v ON_ERROR_STOP=1 -p "${ports[0]}" -d postgres -f "$stage/block.sql" > "$stage/block.out" 2> "$stage/block.err" &&
    ! grep -qE 'ERROR|WARNING' "$stage/block.err" || { cat "$stage/block.err"; return 1; }
}

# What Citus creates on a new node, in which order: by dependencies, or else in the order of its own table. There pgvector comes behind ours.
list_pgvector_last() {
  coordinator "UPDATE pg_catalog.pg_dist_object SET force_delegation = force_delegation
    WHERE classid = 'pg_extension'::regclass AND objid = (SELECT oid FROM pg_extension WHERE extname = 'vector')"
}

run_page() {
  local number
  for number in $(seq "$(blocks citus)"); do
    list_pgvector_last
    check "block $number of the page runs" run_block "$number"
    ((number < 2)) || check "  and afterwards queries answer as an exact scan" exact
  done
}

# --- answers

ids() { # TABLE WHERE QUERY
  echo "SELECT string_agg(id::text, ',') FROM (SELECT id FROM $1 $2 ORDER BY embedding <=> '$3' LIMIT 10) s"
}

# Three queries, with and without a filter, that visit every list.
exact() {
  local number where query
  coordinator 'SET client_min_messages = error; DROP TABLE IF EXISTS plain; CREATE TABLE plain AS SELECT * FROM items'
  for number in 1 2 3; do
    query=$(query_literal "$number")
    for where in '' "WHERE category = 'math.NT'"; do
      [[ $(coordinator "BEGIN; SET LOCAL citus.propagate_set_commands = 'local'; SET LOCAL scann.nprobe = 65536; SET LOCAL scann.epsilon = 4; $(ids items "$where" "$query")") == \
        "$(coordinator "$(ids plain "$where" "$query")")" ]] || return 1
    done
  done
}

plan() { coordinator "EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY embedding <=> '$(query_literal 1)' LIMIT 10"; }

uses_index() { plan | grep -q 'Index Scan using items_embedding_'; }

pushes_limit() { [[ $(plan | grep -c Limit) == 2 ]]; } # the coordinator's, and a shard's

# What a query of an index of the shard gives, in every shard.
of_shards() { # EXPRESSION
  coordinator "SELECT string_agg(DISTINCT coalesce(result, 'nothing'), ' ') FROM run_command_on_shards('items', \$\$
    SELECT $1 FROM vector_quant_indexes() i, vector_quant_index_stats(i.index) s WHERE i.\"table\" = '%s'::regclass\$\$)"
}

sound() { [[ $(of_shards "vector_quant_index_check(i.index, true)::text || 'sound'") == sound ]]; }

trained() { [[ $(of_shards 's.trained AND s.lists > 1') == t ]]; }

moved() { [[ $(coordinator "SELECT count(DISTINCT nodeport) FROM citus_shards WHERE table_name = 'items'::regclass") == 2 ]]; }

says_where() {
  coordinator "SELECT vector_quant_index_check('items_embedding')" 2> "$stage/said" || true
  grep -q run_command_on_shards "$stage/said"
}

# --- which settings travel

# The target that a query has on the shards, after statements of the coordinator's session; nothing where none is set.
target() { # STATEMENTS
  coordinator "$1
    SELECT string_agg(DISTINCT target, ' ') FROM (SELECT nullif(current_setting('vector_quant.target_recall', true), '0') AS target, id FROM items) s"
}

settings() {
  local transaction='BEGIN; SET LOCAL vector_quant.target_recall = 0.91;'
  check 'SET stays here' test -z "$(target 'SET vector_quant.target_recall = 0.91;')"
  check 'so does SET LOCAL' test -z "$(target "$transaction")"
  check 'unless citus.propagate_set_commands says otherwise' test "$(target "${transaction/;/; SET LOCAL citus.propagate_set_commands = 'local';}")" == 0.91
  coordinator 'ALTER ROLE CURRENT_USER SET vector_quant.target_recall = 0.92'
  check 'ALTER ROLE goes to every node' test "$(target '')" == 0.92
  coordinator 'ALTER ROLE CURRENT_USER RESET ALL; ALTER DATABASE postgres SET vector_quant.target_recall = 0.93'
  check 'ALTER DATABASE goes to every node' test "$(target '')" == 0.93
  coordinator 'ALTER DATABASE postgres RESET ALL; ALTER INDEX items_embedding SET (target_recall = 0.94)'
  check 'ALTER INDEX goes to every shard' test "$(of_shards 'i.options::text')" == '{target_recall=0.94}'
}

# --- whose types

# Each node has the types of this extension, and ours depends on it where it is pgvector's.
has_types_of() { # EXTENSION
  local depends=0 nodes
  [[ $1 == vector_quant ]] || depends=1
  nodes=$(coordinator "SELECT string_agg(DISTINCT result, ' ') FROM run_command_on_all_nodes(\$\$
    SELECT (SELECT string_agg(DISTINCT e.extname, ',') FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.refclassid = 'pg_extension'::regclass
          AND d.classid = 'pg_type'::regclass AND d.objid IN ('vector'::regtype, 'halfvec'::regtype) AND d.deptype = 'e')
      || count(*) FROM pg_depend d WHERE d.classid = 'pg_extension'::regclass AND d.refclassid = 'pg_extension'::regclass
          AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vector') AND d.objid = (SELECT oid FROM pg_extension WHERE extname = 'vector_quant')\$\$)")
  [[ $nodes == "$1$depends" ]]
}

run() { # EXTENSION whose types are used
  local number
  for number in 0 1 2; do
    start "$number"
    sql "${ports[number]}" 'CREATE EXTENSION citus'
  done
  say "$("$PG_CONFIG" --version), $(coordinator 'SELECT citus_version()'), types of $1"
  [[ $1 == vector_quant ]] || coordinator "CREATE EXTENSION $1"
  run_page
  check 'every node has the same types' has_types_of "$1"
  check 'each shard reads its index' uses_index
  check 'with the LIMIT' pushes_limit
  check 'the indexes of all shards are sound' sound
  check 'and trained' trained
  check 'shards were moved' moved
  check 'functions about the shell say where its rows are' says_where
  settings
  for number in 0 1 2; do end "$number"; done
}

main() {
  need_extensions
  make_stage
  give_stage
  run vector_quant
  if has_extension vector; then run vector; else say 'pgvector is not installed there: its types were not tried'; fi
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

main "$@"
