# A throwaway PostgreSQL for tests: a temporary folder with a copy of the installed one, whose servers run as user postgres.
# shellcheck shell=bash

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
