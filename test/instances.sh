#!/bin/sh
# Writes the tests of sql/ and test/isolation/ into a folder, for pg_regress. A test that says @AM@ is a description: it is
# written once for every access method of test/access_methods, under the name TEST_ACCESSMETHOD. Filled in are
#   @AM@                     the access method's name
#   @VARIANT@, @VARIANTS@    options of its own: the first, or all, apart by "; "
#
#   sh test/instances.sh FOLDER
#   sh test/instances.sh --names FILE...    only says the names of the tests that these files become
set -eu
cd "$(dirname "$0")/.."

# "name|access method|variants" for each test that FILE becomes; without an access method where it is not a description.
instances() { # FILE
  name=$(basename "$1" ".${1##*.}")
  if grep -q '@AM@' "$1"; then
    sed "/^#/d; s/ *| */|/; s/^\([^|]*\)/${name}_\1|\1/" test/access_methods
  else
    echo "$name||"
  fi
}

write() { # TEST EXPECTED FOLDER OF TESTS, FOLDER OF RESULTS
  instances "$1" | while IFS='|' read -r name am variants; do
    fill="s/@AM@/$am/g; s/@VARIANTS@/$variants/g; s/@VARIANT@/${variants%%;*}/g"
    sed "$fill" "$1" > "$3/$name.${1##*.}"
    sed "$fill" "$2" > "$4/$name.out"
  done
}

if [ "$1" = --names ]; then
  shift
  for file in "$@"; do instances "$file"; done | cut -d '|' -f 1
  exit
fi
for folder in sql expected specs; do
  rm -rf "${1:?}/$folder"
  mkdir -p "$1/$folder"
done
for file in sql/*.sql; do
  write "$file" "expected/$(basename "$file" .sql).out" "$1/sql" "$1/expected"
done
for file in test/isolation/specs/*.spec; do
  write "$file" "test/isolation/expected/$(basename "$file" .spec).out" "$1/specs" "$1/expected"
done
