#!/usr/bin/env bash
# What newer versions of PostgreSQL, and tools around it, do with files and tables as a whole, tried on indexes of each access method. Not part
# of check.sh: it downloads about a GB once.
#   bash test/pg_features.sh               all parts
#   bash test/pg_features.sh upgrade io    some:
#     upgrade       pg_upgrade from one version to another
#     repack        pg_repack, in an order and of indexes only
#     incremental   a backup, two increments, pg_combinebackup
#     io            each io_method
#     autovacuum    parallel autovacuum
# As root, with debootstrap. All versions are in one Debian folder, kept in VQ_VERSIONS or build/versions: 15 of Debian 12, 17 of Debian 13,
# 18 of unstable, 19 of experimental. Prints `pass NAME` or `fail NAME`, or `not tried NAME` where the machine does not allow it, which is
# neither. Ends with `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=folders.sh
source "$root/test/folders.sh"
export VQ_DATA=''

folder=$cache/pg_features
versions=(15 17 18 19)
parts=(upgrade repack incremental io autovacuum)
declare -A versions_of=([upgrade]='15 17 18 19' [repack]='15 17 18 19' [incremental]='17 18 19' [io]='18 19' [autovacuum]='19')

# Each package is taken from where its version is newest, but for experimental's: of those only the source package that is asked for.
add_sources() {
  local suite
  for suite in trixie bookworm experimental; do
    echo "deb $(mirror) $suite main" > "$folder/etc/apt/sources.list.d/$suite.list"
  done
  printf '%s\n' 'Package: src:postgresql-19' 'Pin: release a=experimental' 'Pin-Priority: 990' > "$folder/etc/apt/preferences.d/experimental"
}

# Headers of several versions as files alone: their packages want a version of LLVM each, for what we do not build.
add_headers() {
  # shellcheck disable=SC2016
  inside "$folder" bash -euc 'cd /tmp && apt-get -qq download "$@" && for file in postgresql-server-dev-*.deb; do dpkg -x "$file" /; done' _ \
    "${versions[@]/#/postgresql-server-dev-}" >> "$folder.log" 2>&1
}

# A version's pg_repack, where Debian has it.
add_repack() {
  local version
  for version in "${versions[@]}"; do
    ! inside "$folder" apt-cache show "postgresql-$version-repack" > /dev/null 2>&1 || install_inside "$folder" "postgresql-$version-repack"
  done
}

prepare() {
  [[ ! -e $folder/srv/ready ]] || return 0
  new_folder "$folder" sid
  add_sources
  install_inside "$folder" g++ make libxsimd-dev libpq-dev "${versions[@]/#/postgresql-}"
  add_headers || die "no headers: $folder.log"
  add_repack
  touch "$folder/srv/ready"
}

# A tree a version.
build() { # VERSION
  tree=/srv/vector_quant.$1
  copy_tree "$folder"
  # shellcheck disable=SC2016
  inside "$folder" bash -euc 'cd "$0" && make -s -j2 PG_CONFIG="$1" && make -s install PG_CONFIG="$1"' "$tree" "/usr/lib/postgresql/$1/bin/pg_config" \
    > "$folder.build.log" 2>&1 || { tail -n 20 "$folder.build.log" >&2; die "build failed for PostgreSQL $1"; }
}

main() {
  local part version log=$folder.run.log passed failed broken=0
  (($#)) || set -- "${parts[@]}"
  for part in "$@"; do [[ " ${parts[*]} " == *" $part "* ]] || die "no part $part; there are ${parts[*]}"; done
  ((EUID == 0)) || die 'to be run as root'
  install_packages debootstrap
  prepare
  for version in $(for part in "$@"; do echo "${versions_of[$part]}"; done | tr ' ' '\n' | sort -u); do
    say "building for PostgreSQL $version"
    build "$version"
  done
  say 'trying'
  # shellcheck disable=SC2016
  inside "$folder" dpkg-query -W -f '${Package} ${Version}\n' 'postgresql-1?' 'postgresql-1?-repack' | grep ' .'
  inside "$folder" setpriv --reuid=postgres --regid=postgres --init-groups bash "$tree/test/pg_features/parts.sh" "$@" 2>&1 | tee "$log" || broken=1
  passed=$(grep -c '^pass ' "$log" || true) failed=$(grep -c '^fail ' "$log" || true)
  echo "$passed passed, $((failed + broken)) failed"
  ((failed + broken == 0))
}

main "$@"
