# Throwaway clusters of several versions of PostgreSQL, as Debian installs them, and tables with indexes of each access method in them.
# shellcheck shell=bash

work=''     # clusters, sockets, logs
version=''  # of the cluster that runs
cluster=''  # its name
mapfile -t methods < <(sed -nE 's/^(\w+) *\|.*/\1/p' "${BASH_SOURCE[0]%/*}/../access_methods")

bin() { echo "/usr/lib/postgresql/$1/bin"; } # VERSION

make_cluster() { # VERSION NAME [INITDB-OPTION...]
  "$(bin "$1")/initdb" -D "$work/$2" -U postgres -A trust -N --no-locale -E UTF8 "${@:3}"
}

start_cluster() { # VERSION NAME [SETTING...]
  version=$1 cluster=$2
  shift 2
  printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$work'" 'fsync = off' 'jit = off' 'autovacuum = off' \
    "$@" > "$work/$cluster/postgresql.auto.conf"
  "$(bin "$version")/pg_ctl" -D "$work/$cluster" -w -l "$work/$cluster.log" start
}

stop_cluster() { "$(bin "$version")/pg_ctl" -D "$work/$cluster" -m fast -w stop; }

# What an index can be asked is answered by it.
sql() { # PSQL-ARGUMENTS...
  PGOPTIONS="-c client_min_messages=warning -c enable_seqscan=off -c enable_sort=off $relaxed" \
    "$(bin "$version")/psql" -XqAt -v ON_ERROR_STOP=1 -h "$work" -U postgres -d postgres "$@"
}
relaxed=''

# --- tables

# Of each access method an index of codes alone, one with refine codes and a filter column, and one that was built without rows.
tables() {
  local am
  for am in "${methods[@]}"; do echo "${am}_plain ${am}_filter ${am}_empty"; done
}

index_definition() { # TABLE
  local am=${1%_*}
  case $1 in
    *_plain) echo "$am (v vector_l2_ops) WITH (refine = false)" ;;
    *_filter) echo "$am (v vector_l2_ops, kind) WITH (refine = true)" ;;
    *_empty) echo "$am (v vector_l2_ops)" ;;
  esac
}

make_tables() {
  local table
  sql << 'SQL'
CREATE EXTENSION vector_quant;
CREATE FUNCTION row_of(id bigint) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
  SELECT array_agg((hashint8extended(d, 1000 + id % 40) & 65535) / 16384.0 + (hashint8extended(d, id) & 65535) / 65536.0)::vector(16)
  FROM generate_series(1, 16) d $$;
CREATE TABLE vectors AS SELECT id, row_of(id) AS v FROM generate_series(1, 3000) id;
SQL
  for table in $(tables); do
    sql -c "CREATE TABLE $table (id bigint PRIMARY KEY, kind int, v vector(16))"
    [[ $table != *_empty ]] || sql -c "CREATE INDEX ${table}_v ON $table USING $(index_definition "$table")"
    sql -c "INSERT INTO $table SELECT id, id % 7, v FROM vectors"
    [[ $table == *_empty ]] || sql -c "CREATE INDEX ${table}_v ON $table USING $(index_definition "$table")"
  done
}

# Rows go and come in all tables.
change_tables() { # NUMBER: of the change
  local table
  for table in $(tables); do
    sql -c "DELETE FROM $table WHERE id % 50 = $1" \
      -c "INSERT INTO $table SELECT id, id % 7, row_of(id) FROM generate_series(10000 * $1 + 1, 10000 * $1 + 60) id" \
      -c "UPDATE $table SET v = row_of(id + 5000) WHERE id % 50 = $1 + 1"
  done
}

condition() { [[ $1 != *_filter ]] || echo "WHERE kind = q % 7"; } # TABLE

# The nearest of some queries, and their distances, by each index.
answers() {
  local table
  for table in $(tables); do
    sql -c "SELECT '$table', q, n.* FROM generate_series(50001, 50010) q,
      LATERAL (SELECT id, v <-> row_of(q) FROM $table $(condition "$table") ORDER BY v <-> row_of(q) LIMIT 10) n"
  done
}

# Each index answers, is sound to its last row, has every row once, and finds rows where they are.
check_tables() {
  local table found
  for table in $(tables); do
    sql -c "EXPLAIN SELECT id FROM $table ORDER BY v <-> row_of(1) LIMIT 10" | grep -q "Index Scan using ${table}_v " ||
      { echo "$table: its index is not asked"; return 1; }
    sql -c "SELECT vector_quant_index_check('${table}_v', true)"
    found=$(relaxed=$(printf -- ' -c %s.iterative_scan=relaxed_order' "${methods[@]}") sql -c "
      WITH i AS MATERIALIZED (SELECT id FROM $table ORDER BY v <-> row_of(1))
      SELECT count(*) = (SELECT count(v) FROM $table) AND count(DISTINCT id) = count(*) FROM i")
    [[ $found == t ]] || { echo "$table: not every row once through the index"; return 1; }
    found=$(sql -c "SELECT string_agg(id::text, ' ') FROM $table t WHERE id % 40 = 7
      AND (SELECT v <-> t.v FROM $table o ORDER BY v <-> t.v LIMIT 1) > 0")
    [[ -z $found ]] || { echo "$table: rows that do not find themselves: $found"; return 1; }
  done
}

# A row that comes now is found.
check_insert() {
  local table
  for table in $(tables); do
    sql -c "INSERT INTO $table VALUES (900001, 3, row_of(900001))"
    [[ $(sql -c "SELECT id FROM $table ORDER BY v <-> row_of(900001) LIMIT 1") == 900001 ]] ||
      { echo "$table: a new row is not found"; return 1; }
  done
}
