# A throwaway PostgreSQL for tests: a temporary folder with a copy of the installed one, whose servers run as user postgres.
# shellcheck shell=bash
# shellcheck disable=SC2154 # root, and the folder of logs: the script that sources this file has them

stage='' # what the server's user can read and write, even where the checkout lies in a closed home
pg=''    # the copy: bin, lib

make_stage() {
  stage=$(mktemp -d "${TMPDIR:-/tmp}/vqcheck.XXXXXX")
  trap cleanup EXIT
  trap 'exit 130' INT TERM
  chmod 755 "$stage"
  mkdir -p "$stage/tmp"
}

# A file system of 16 MB in the folder, for tests of a full disk. Its path is in small_disk, or '' where this user or this
# machine cannot mount one.
small_disk=''
mount_small_disk() {
  mkdir -p "$stage/small"
  ((EUID == 0)) && mount -t tmpfs -o size=16m,mode=700,uid=postgres tmpfs "$stage/small" 2> /dev/null || return 0
  small_disk=$stage/small
}

as_server() { # as the user that may run a server, with nothing of the caller's settings
  local -a user=()
  ((EUID != 0)) || user=(setpriv --reuid=postgres --regid=postgres --init-groups)
  (cd "$stage" && "${user[@]}" env -i PATH="$pg/bin:/usr/local/bin:/usr/bin:/bin" HOME="$stage" TMPDIR="$stage/tmp" \
    LANG=C.UTF-8 PGHOST="$stage/tmp" PGPORT=5432 PGUSER=postgres PG_CONFIG="$pg/bin/pg_config" "$@")
}

cleanup() {
  [[ -n $stage ]] || return 0
  local data
  while IFS= read -r data; do # a killed TAP test's servers too
    as_server "$pg/bin/pg_ctl" -D "${data%/*}" -m immediate -w stop > /dev/null 2>&1 || true
  done < <(find "$stage" -name postmaster.pid 2> /dev/null)
  [[ -z $small_disk ]] || umount "$small_disk" 2> /dev/null || umount -l "$small_disk"
  rm -rf "$stage"
}

# A copy of PostgreSQL: pg_config and the server find everything relative to their own place.
copy_postgres() {
  local major system
  major=$(pg_major)
  system=$(readlink -f "/usr/lib/postgresql/$major")
  pg=$stage/pg/lib/postgresql/$major
  mkdir -p "${pg%/*}" "$stage/pg/share/postgresql" "$stage/pg/include"
  cp -a "$system" "$pg"
  cp -a "/usr/share/postgresql/$major" "$stage/pg/share/postgresql/"
  ln -s /usr/include/postgresql "$stage/pg/include/postgresql"
}

give_stage() { ((EUID != 0)) || chown -R postgres:postgres "$stage"; }

# The copy, or the installation that PG_CONFIG names, as it is.
choose_postgres() {
  if [[ -n ${PG_CONFIG:-} ]]; then pg=$(dirname "$("$PG_CONFIG" --bindir)"); else copy_postgres; fi
}

# What the tests read, where the server's user can; and all that a build needs.
copy_tree() {
  mkdir -p "$stage/tree/build"
  tar -C "$root" -c --exclude='*.o' --exclude='*.d' --exclude=__pycache__ Makefile META.json README.md vector_quant.control bench docs sql expected \
    test tools src | tar -x -C "$stage/tree"
  give_stage
}

# --- counting, for scripts that try one thing after the other

passed=0 failed=0

check() { # NAME COMMAND...
  local name=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok   $name"
  else
    failed=$((failed + 1))
    echo "FAIL $name"
  fi
}

# --- one server

sql() { as_server psql -qXAt -v ON_ERROR_STOP=1 -d postgres "$@"; }

# Lines of postgresql.conf follow. Without autovacuum, which would come at moments that no script knows of.
new_server() { # LINES...
  give_stage
  as_server initdb -D "$stage/data" -U postgres -A trust -N --no-locale -E UTF8 > "$stage/tmp/initdb.log" 2>&1
  printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$stage/tmp'" 'fsync = off' 'autovacuum = off' "$@" \
    >> "$stage/data/postgresql.conf"
  start_server
}

server_env=() # variables of the server: NAME=VALUE
start_server() { as_server env "${server_env[@]}" pg_ctl -D "$stage/data" -w -l "$stage/server.log" start > "$stage/tmp/pg_ctl.log" 2>&1; }

# --- TAP files

# Folders of PGXS and of PostgreSQL's Perl modules; before 15 those had other names, and some do not install them.
find_test_tools() {
  pgxs=$("$pg/bin/pg_config" --pgxs)
  pgxs=${pgxs%/src/makefiles/pgxs.mk}
  perl_modules=$pgxs/src/test/perl
  (($("$pg/bin/pg_config" --version | grep -oE '[0-9]+' | head -n 1) >= 15)) && [[ -d $perl_modules ]] ||
    perl_modules=$(find /usr/lib/postgresql -path '*/pgxs/src/test/perl' | sort -V | tail -n 1)
}

prove_file() { # NAME: of the copied tree
  as_server mkdir -p "$stage/tap/$1"
  # From 16 on PostgreSQL's modules take the second and third name instead of the first.
  as_server env TESTDIR="$stage/tap/$1" TESTDATADIR="$stage/tap/$1/tmp_check" \
    TESTLOGDIR="$stage/tap/$1/tmp_check/log" PG_REGRESS="$pgxs/src/test/regress/pg_regress" \
    VQ_PYTHON="$stage/venv/bin/python" VQ_DATA="${VQ_DATA:-}" \
    VQ_SMALL_DISK="$small_disk" VQ_DAMAGE_SEED="${VQ_DAMAGE_SEED:-}" VQ_DAMAGE_ROUNDS="${VQ_DAMAGE_ROUNDS:-}" \
    prove --verbose --timer -I "$perl_modules" "$stage/tree/test/t/$1.pl"
}
