#!/usr/bin/env bash
# The packages: what is in them, and that the extension works from what they install. Not part of test/check.sh: about three minutes,
# and the second half installs Debian's packaging tools.
#   bash test/packaging.sh        both
#   bash test/packaging.sh zip    PGXN's: `make dist`, unpacked, compiled and installed from there
#   bash test/packaging.sh deb    Debian's: dpkg-buildpackage on the archive's files, unpacked over a copy of PostgreSQL
# The archive is made of the last commit. As root it installs what is missing; installed extensions and running servers are left alone.
# The packages stay in build/packages/. Ends with `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
packages=$root/build/packages

logged() { # LOG COMMAND...: its output, if it fails
  local log=$packages/$1.log
  shift
  "$@" > "$log" 2>&1 || { tail -n 30 "$log"; return 1; }
}

# A server of the copy: every access method of the list builds an index and finds a row by it.
works() {
  local am statements='CREATE EXTENSION vector_quant; SET enable_seqscan = off;
    CREATE TABLE t AS SELECT i, format($$[%s,%s,%s]$$, i, i % 7, i % 11)::vector(3) AS v FROM generate_series(1, 500) i;'
  for am in $(sed -nE 's/^([a-z_]+) *\|.*/\1/p' "$unpacked/test/access_methods"); do
    statements+="CREATE INDEX ON t USING $am (v); SELECT i FROM t ORDER BY v <-> '[42,0,9]' LIMIT 1; DROP INDEX t_v_idx;"
  done
  rm -rf "$stage/data"
  new_server > "$packages/server.log" 2>&1
  as_server psql -XqAt -v ON_ERROR_STOP=1 -d postgres -c "$statements" > "$packages/found" 2>> "$packages/server.log" || true
  as_server pg_ctl -D "$stage/data" -m fast -w stop >> "$packages/server.log" 2>&1
  [[ $(sort -u "$packages/found") == 42 && $(wc -l < "$packages/found") == "$(grep -c '^[a-z]' "$unpacked/test/access_methods")" ]] ||
    { tail -n 20 "$packages/server.log"; return 1; }
}

fresh_postgres() {
  rm -rf "$stage/pg"
  copy_postgres
  find "$stage/pg" -name 'vector_quant*' -delete # the installed one's
  give_stage
}

# --- the archive

contains_tracked_files() { # everything but what git itself wants
  diff <(git -C "$root" ls-tree -r --name-only HEAD | sort) <(cd "$unpacked" && find . -type f -printf '%P\n' | sort)
}

archive() {
  say 'make dist'
  version=$(sed -n "s/^default_version = '\(.*\)'/\1/p" "$root/vector_quant.control")
  check 'make dist' logged dist make -C "$root" dist
  rm -rf "$stage/src"
  mkdir "$stage/src"
  check 'the archive unpacks' unzip -q -d "$stage/src" "$root/build/vector_quant-$version.zip"
  unpacked=$stage/src/vector_quant-$version
  cp "$root/build/vector_quant-$version.zip" "$packages"
}

zip_package() {
  check 'into a folder of its name, with every file' contains_tracked_files
  check 'what it says about itself holds' test -z "$(python3 "$unpacked/test/package_meta.py")"
  fresh_postgres
  say 'compiling the archive'
  check 'compiles' logged make make -s -C "$unpacked" -j2 PG_CONFIG="$pg/bin/pg_config"
  check 'installs' logged install make -s -C "$unpacked" install PG_CONFIG="$pg/bin/pg_config"
  check 'says what is next' grep -q 'CREATE EXTENSION vector_quant;' "$packages/install.log"
  check 'with its pages' diff -r "$unpacked/docs" "$("$pg/bin/pg_config" --docdir)/vector_quant/docs"
  check 'works' works
  make -s -C "$unpacked" clean PG_CONFIG="$pg/bin/pg_config"
  check 'make clean leaves what was there' contains_tracked_files
}

# --- Debian

lists() { # PACKAGE PATH...: all of them are in it
  local package=$1 path
  shift
  dpkg-deb -c "$package" | awk '{ print $6 }' > "$packages/content"
  for path in "$@"; do
    grep -qx "\./$path" "$packages/content" || { echo "     $path is missing"; return 1; }
  done
}

debian() {
  local major package share
  say 'dpkg-buildpackage'
  major=$(pg_major)
  check 'debian/control is what its template gives' diff <(sed "s/PGVERSION/$major/" "$unpacked/debian/control.in") "$unpacked/debian/control"
  check 'dpkg-buildpackage' logged deb env -C "$unpacked" dpkg-buildpackage -us -uc -b -j2
  package=$stage/src/postgresql-$major-vector-quant_${version}_$(dpkg --print-architecture).deb
  share=usr/share/postgresql/$major/extension
  check 'library, scripts and documents are in it' lists "$package" "usr/lib/postgresql/$major/lib/vector_quant.so" \
    "$share/vector_quant.control" "$share/vector_quant--$version.sql" "usr/share/doc/postgresql-$major-vector-quant/README.md" \
    "usr/share/doc/postgresql-$major-vector-quant/docs/install.md" \
    "usr/share/doc/postgresql-$major-vector-quant/copyright" "usr/share/doc/postgresql-$major-vector-quant/changelog.gz"
  check 'nothing lies where other extensions put theirs' test -z "$(dpkg-deb -c "$package" | grep postgresql-doc)"
  check 'the source package is made' logged source env -C "$unpacked" dpkg-buildpackage -us -uc -S -d
  fresh_postgres
  dpkg-deb -x "$package" "$stage/root"
  cp -a "$stage/root/usr/lib" "$stage/root/usr/share" "$stage/pg/"
  check 'works' works
  cp "$stage/src/"*.deb "$stage/src/"*.dsc "$stage/src/"*.tar.* "$packages"
}

main() {
  local major only=${1:-both}
  major=$(pg_major)
  [[ $only =~ ^(both|zip|deb)$ ]] || die 'bash test/packaging.sh [zip | deb]'
  install_packages "postgresql-$major" "postgresql-server-dev-$major" g++ make libxsimd-dev git unzip python3
  [[ $only == zip ]] || install_packages debhelper dpkg-dev fakeroot postgresql-server-dev-all
  mkdir -p "$packages"
  rm -rf "${packages:?}"/*
  make_stage
  archive
  [[ $only == deb ]] || zip_package
  [[ $only == zip ]] || debian
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

main "$@"
