#!/usr/bin/env bash
# The house rules (src/README.md) that a machine can check. Prints every finding, then one line of counts.
#   bash test/lint.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

passed=0 failed=0 skipped=0

# Files of the project: what git tracks or would track; in an unpacked archive, everything but build/.
files() {
  { git ls-files -co --exclude-standard -- "$@" 2> /dev/null || find "$@" -type f -not -path '*/build/*'; } |
    while IFS= read -r file; do [[ -f $file ]] && printf '%s\n' "$file"; done || true
}

sources() { files "$@" | grep -E '\.(cpp|h)$' || true; }

# Lines of the files named on stdin that match the pattern; comments and string literals are left out.
code_matching() {
  while IFS= read -r file; do
    sed -E 's,"([^"\\]|\\.)*","",g; s,//.*,,' "$file" | { grep -nE "$1" || true; } | sed "s,^,$file:,"
  done
}

text_matching() { tr '\n' '\0' | xargs -0r grep -InHE -e "$1" || true; }

rule() { # NAME FINDINGS
  if [[ -z $2 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'lint: %s\n' "$1"
    sed 's/^/    /' <<< "$2"
  fi
}

too_long() {
  files src test demo bench tools | grep -E '\.(cpp|h|sql|sh|py|pl|pm|mk|spec)$' | while IFS= read -r file; do
    lines=$(wc -l < "$file")
    ((lines <= 500)) || echo "$file: $lines lines"
  done
}

unformatted() {
  sources src test bench | tr '\n' '\0' | xargs -0r clang-format --dry-run -Werror 2>&1 |
    sed -nE 's/^([^:]+):[0-9]+:[0-9]+: error:.*/\1/p' | sort | uniq -c | awk '{ print $2 ": " $1 " places" }' || true
}

# Includes that point upwards, or to a folder beside: a folder may include itself and those on the levels below it.
upward_includes() { # ROOT LEVEL...: the top level first; folders of one level are joined by a comma
  local root=$1
  shift
  sources "$root" | xargs -r grep -HnE '^#include "' | awk -v levels="$*" -v root="$root/" '
    BEGIN {
      n = split(levels, level, " ")
      for (i = 1; i <= n; i++) {
        m = split(level[i], names, ",")
        for (j = 1; j <= m; j++) rank[names[j]] = i
      }
    }
    function folder(path) { path = substr(path, length(root) + 1); sub(/\/.*/, "", path); return path }
    {
      file = $0; sub(/:.*/, "", file)
      included = $0; sub(/.*#include "/, "src/", included); sub(/".*/, "", included)
      if (index(included, root) != 1) next
      from = folder(file); to = folder(included)
      if (from in rank && to in rank && from != to && rank[to] <= rank[from]) print file " includes " included
    }'
}

rule 'src/core and src/simd know nothing of PostgreSQL' \
  "$(sources src/core src/simd | text_matching '#include *["<](postgres|pg/|ivf/|am/|types/)')"
rule 'includes point downwards: advise, am, ivf, types, pg, core, simd' "$(upward_includes src advise am ivf types pg core simd)"
rule 'includes point downwards in the engine: api, inspect, upkeep, build, scan and write, row, store' \
  "$(upward_includes src/ivf api inspect upkeep build scan,write row store)"
rule 'every file of the engine is in one of its rooms' \
  "$(sources src/ivf | grep -vE '^src/ivf/(api|inspect|upkeep|build|scan|write|row|store)/' || true)"
rule 'src/ivf/store alone knows what lies where on a page' \
  "$(sources src/ivf | grep -v '^src/ivf/store/' | code_matching \
    '\b(kPayload|kPayloadStart|kFinePayload|kUnit|page_payload|page_tail|pd_(lower|upper|special)|(Open|Fine)Header|RowData)\b')"
rule 'PG_VERSION_NUM is asked in src/pg/compat.h only' \
  "$(sources src | grep -vx src/pg/compat.h | text_matching 'PG_VERSION_NUM|PG_MAJORVERSION_NUM')"
rule 'the engine names no codec' \
  "$(files src/ivf | grep -v '\.md$' | text_matching '[Rr][Aa][Bb][Ii][Tt][Qq]|[Ss][Cc][Aa][Nn][Nn]([^IiEe]|$)|[Ww][Rr][Vv][Qq]')"
rule 'no owning objects and no exceptions beside PostgreSQL, where an error is a longjmp' \
  "$(sources src/ivf src/am src/types src/pg |
    code_matching 'std::(vector|string|map|set|unique_ptr|shared_ptr|function)\b|\bnew [A-Za-z_]|\b(throw|try|catch)\b')"
rule 'nothing shipped is built for one machine or with loose arithmetic' \
  "$(files Makefile src test/unit | grep -v '\.md$' | text_matching '-(march|mtune)=native|-f(fast|unsafe)-math|-Ofast')"
rule 'files stay below 500 lines' "$(too_long)"
rule 'no paths of one machine' \
  "$(files . | grep -vE '^(test/lint\.sh|expected/)' | text_matching '(^|[^A-Za-z0-9_./$}])/(work|root|farm|home)/')"
rule 'nothing left to do' "$(files . | grep -vE '^(test/lint\.sh|\./)' | text_matching '\b(TODO|FIXME|XXX)\b')"
rule 'links between pages hold, and the README has one to each of docs/' "$(python3 test/links.py)"
rule 'META.json is valid, and everything says the same version' "$(python3 test/package_meta.py)"
if command -v clang-format > /dev/null; then
  rule 'C++ is formatted (clang-format -i FILE)' "$(unformatted)"
else
  skipped=1
  echo 'lint: clang-format is not installed; format not checked'
fi

echo "lint: $passed passed, $failed failed, $skipped skipped"
((failed == 0))
