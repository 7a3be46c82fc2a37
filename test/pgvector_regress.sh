#!/usr/bin/env bash
# pgvector's own regression files for vector and halfvec against our types.
#   bash test/pgvector_regress.sh FOLDER      FOLDER: a checkout of pgvector, version 0.8.6
# Uses the running server that the PG* variables name, as superuser, and a database of its own there; the extension
# must be installed. Prints every difference from pgvector's expected output and fails if there is one, apart from
# the statements listed below.
set -euo pipefail

version=0.8.6
# The other files are about types and access methods that we do not have: sparsevec, hnsw, ivfflat.
files=(vector_type halfvec bit cast copy btree)
database=vector_quant_pgvector_regress

# Statements that need not give pgvector's output. Those below a comment that speaks of sparsevec are left out with it:
# they work on a table of that type.
known=(
  'sparsevec'
  # 0.8.6 refuses to combine two states without a row, so that avg in parallel over no row fails; later versions do not.
  "SELECT vector_combine('{0}', '{0}');"
)

fail() {
  echo "$1" >&2
  exit 2
}

[[ $# -eq 1 && -d $1/test/sql && -d $1/test/expected ]] || fail "usage: bash test/pgvector_regress.sh FOLDER"
pgvector=$(cd "$1" && pwd)
grep -q "^default_version = '$version'" "$pgvector/vector.control" ||
  fail "$pgvector is not pgvector $version, whose output is compared"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; dropdb --if-exists "$database" 2> /dev/null || true' EXIT
mkdir "$scratch/results" # copy.sql writes there
cd "$scratch"

# What psql shows of a file, as pg_regress runs it.
run() { # NAME
  dropdb --if-exists "$database" 2> /dev/null
  createdb --template template0 --locale C --encoding UTF8 "$database"
  psql -X -q -v ON_ERROR_STOP=1 -d "$database" -c "ALTER DATABASE $database SET lc_messages = 'C'" \
    -c 'CREATE EXTENSION vector_quant'
  psql -X -a -q -d "$database" < "$pgvector/test/sql/$1.sql" > "$1.out" 2>&1
}

# An output without the blocks of known statements. psql repeats each line of the file before what it gives, and
# leaves empty ones out.
without_known() { # NAME OUTPUT
  printf '%s\n' "${known[@]}" > known.txt
  awk '
    FILENAME == "known.txt" { known[$0]; next }
    FILENAME ~ /[.]sql$/ { if ($0 != "") line[++lines] = $0; next }
    $0 == line[at + 1] {
      at++
      hit = 0
      for (text in known) if (index($0, text)) hit = 1
      if (/^--/) part = hit
      kept += !(hit || part)
    }
    !(hit || part)
    END { print kept + 0, at + 0 > "count.txt" }
  ' known.txt "$pgvector/test/sql/$1.sql" "$2"
}

status=0
for name in "${files[@]}"; do
  run "$name"
  without_known "$name" "$pgvector/test/expected/$name.out" > "$name.expected"
  read -r kept all < count.txt
  without_known "$name" "$name.out" > "$name.actual"
  if diff -u --label "pgvector/$name" --label "vector_quant/$name" "$name.expected" "$name.actual"; then
    echo "ok      $name: $kept of $all lines compared"
  else
    echo "FAILED  $name"
    status=1
  fi
done
exit $status
