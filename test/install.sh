#!/usr/bin/env bash
# docs/install.md, followed in bare Debian 12 folders: what a section says to type is typed there, and the README's quick start must give its
# answers then. Of the section Docker, the Dockerfile's steps are run, on Debian's PostgreSQL in place of the official image. Not part of
# check.sh: it downloads some hundred MB.
#   bash test/install.sh                 all routes
#   bash test/install.sh source docker   some: source, deb, docker
# As root, with debootstrap. Folders are in VQ_VERSIONS or build/versions; the bare one is kept. Ends with `N passed, N failed`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=folders.sh
source "$root/test/folders.sh"
export VQ_DATA=''

page=$root/docs/install.md
major=15 # Debian 12's
passed=0 failed=0
declare -A section=([source]='From source' [deb]='Debian package' [docker]='Docker')

check() { # NAME COMMAND...: its output, if it fails
  local name=$1 log=$cache/install.log
  shift
  if "$@" > "$log" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $name"
  else
    failed=$((failed + 1))
    echo "FAIL $name"
    tail -n 30 "$log"
    return 1
  fi
}

# Lines of the shell blocks, under the heading or all of them.
shell_lines() { # [HEADING]
  awk -v heading="${1:-}" '
    /^## / { here = substr($0, 4) }
    /^```/ { inside = !inside; shell = $0 == "```"; next }
    inside && shell && (heading == "" || here == heading)' "$page"
}

# A Debian with the README's user in it: root, apt's lists, no question asked.
bare_folder() { # FOLDER
  local bare=$cache/bare
  if [[ ! -e $bare/var/lib/apt/lists/done ]]; then
    new_folder "$bare" bookworm
    echo 'APT::Get::Assume-Yes "true";' > "$bare/etc/apt/apt.conf.d/90yes"
    inside "$bare" apt-get -qq update
    touch "$bare/var/lib/apt/lists/done"
  fi
  rm -rf "$1"
  cp -a "$bare" "$1"
}

in_tree() { inside "$1" bash -c "cd $tree && $2"; } # FOLDER LINE

# The quick start of the README: its queries' answers stand behind them.
answers() { # FOLDER
  local folder=$1 bin=/usr/lib/postgresql/$major/bin found
  awk '/^<!-- database quick/ { here = 1 } here && /^```/ { if (inside) exit; inside = 1; next } here && inside' "$root/README.md" > "$folder/tmp/quick.sql"
  # shellcheck disable=SC2016
  found=$(inside "$folder" setpriv --reuid=postgres --regid=postgres --init-groups bash -euc '
    "$0/initdb" -D /tmp/data -A trust > /tmp/server.log
    "$0/pg_ctl" -D /tmp/data -w -l /tmp/server.log -o "-c unix_socket_directories=/tmp" start > /dev/null
    "$0/psql" -XqAt -h /tmp -d postgres -v ON_ERROR_STOP=1 -f /tmp/quick.sql
    "$0/pg_ctl" -D /tmp/data -m fast stop > /dev/null' "$bin")
  [[ $found == $'1|fruit\n2|fruit\n5|tool' ]] || { echo "$found"; return 1; }
}

# A section of the page, line by line.
follow() { # ROUTE
  local folder=$cache/install.$1 line
  bare_folder "$folder"
  copy_tree "$folder"
  while IFS= read -r -u 3 line; do
    check "$1: $line" in_tree "$folder" "$line" || return 0
  done 3< <(shell_lines "${section[$1]}")
  check "$1: quick start" answers "$folder" || true
}

# --- Dockerfile

# COPY into a stage, from the repository or from another stage's folder.
copy() { # FOLDER WORKDIR ARGUMENTS...
  local folder=$1 workdir=$2
  shift 2
  if [[ $1 == --from=* ]]; then
    mkdir -p "$folder$3"
    cp -a "$cache/install.docker.${1#--from=}$2/." "$folder$3"
  else
    [[ $* == '. .' ]] || { echo "COPY $*: not known to this script"; return 1; }
    tree=$workdir copy_tree "$folder"
  fi
}

# Sets folder to that of a new stage: the base image stands for Debian's PostgreSQL.
stage() { # NAME
  folder=$cache/install.docker.$1
  bare_folder "$folder"
  install_inside "$folder" "postgresql-$major"
}

docker_steps() {
  local folder='' workdir=/ word rest what name number=0
  while read -r -u 3 word rest; do
    what="docker: $word $rest"
    case $word in
      '' | '#'* | ARG) ;;
      FROM)
        number=$((number + 1)) name=$number workdir=/
        check "$what" grep -qx 'postgres:${PG_MAJOR}-bookworm\( AS [a-z]*\)\?' <<< "$rest" || return 0
        [[ $rest != *' AS '* ]] || name=${rest##* }
        stage "$name"
        ;;
      WORKDIR) workdir=$rest && mkdir -p "$folder$workdir" ;;
      COPY) # shellcheck disable=SC2086
        check "$what" copy "$folder" "$workdir" $rest || return 0 ;;
      RUN) check "$what" inside "$folder" env PG_MAJOR="$major" sh -c "cd $workdir && $rest" || return 0 ;;
      *) check "$what: known to this script" false || return 0 ;;
    esac
  done 3< "$root/Dockerfile"
  check 'docker: no compiler in the image' test ! -e "$folder/usr/bin/g++" || true
  check 'docker: quick start' answers "$folder" || true
}

every_line_is_of_a_route() {
  local line known
  known=$(for line in "${section[@]}"; do shell_lines "$line"; done)
  diff <(shell_lines | sort) <(sort <<< "$known")
}

main() {
  local route
  local -a routes=("$@")
  ((${#routes[@]})) || routes=(source deb docker)
  ((EUID == 0)) || die 'to be run as root'
  install_packages debootstrap
  mkdir -p "$cache"
  check 'every line of the page is of a route' every_line_is_of_a_route || true
  for route in "${routes[@]}"; do
    say "$route"
    case $route in
      source | deb) follow "$route" ;;
      docker) docker_steps ;;
      *) die 'bash test/install.sh [source] [deb] [docker]' ;;
    esac
  done
  rm -rf "$cache"/install.*
  echo "$passed passed, $failed failed"
  ((failed == 0))
}

main "$@"
