#!/usr/bin/env bash
# Writes the files of a client that docs/clients.md shows to a folder: each block behind a comment `<!-- client NAME FILE -->`, or NAME,NAME.
#   bash test/clients/blocks.sh NAME FOLDER
# Prints what the client must print: all that stands behind `# prints ` or `// prints ` in them, in order.
set -euo pipefail

document=$(dirname "${BASH_SOURCE[0]}")/../../docs/clients.md
mkdir -p "$2"
awk -v name="$1" -v folder="$2" '
  /^<!-- client / { file = index("," $3 ",", "," name ",") ? folder "/" $4 : ""; next }
  file == "" { next }
  /^```/ {
    if (inside) { close(file); file = ""; inside = 0; next }
    inside = 1
    parent = file; sub(/\/[^\/]*$/, "", parent)
    system("mkdir -p \"" parent "\"")
    printf "" > file
    next
  }
  inside {
    print > file
    if (match($0, /(#|\/\/) prints /)) print substr($0, RSTART + RLENGTH)
  }' "$document"
