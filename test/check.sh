#!/usr/bin/env bash
# Every test there is, on a bare Debian 12 as well as on a developer's machine.
#   bash test/check.sh            all
#   bash test/check.sh tap 002    some: lint, unit, build, regress, isolation, tap; a TAP file by its number
# As root it installs the packages that are missing and runs the servers as user postgres, from a copy of
# PostgreSQL in a temporary folder: neither an installed extension nor a running cluster is touched, and no server
# is left behind. PG_CONFIG names another installation, which is used as it is (test/versions.sh). Logs and results end up
# in build/check/. Ends with `N passed, N failed, N skipped`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/check
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"
# shellcheck source-path=SCRIPTDIR source=stage.sh
source "$root/test/stage.sh"
cd "$root"

passed=0 failed=0 skipped=0
only=" $* "

# --- counting

count() { # SUITE PASSED FAILED SKIPPED
  printf '   %-10s %5d passed, %3d failed, %3d skipped   (%d s)\n' "$@" "$((SECONDS - suite_began))"
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
}

matches() { grep -cE "$1" "$2" || true; }

show() { # the end of a log, after a failure
  printf -- '--- %s\n' "$1"
  tail -n "${2:-60}" "$1" | cut -c1-400
}

wanted() { [[ $only == "  " || $only == *" $1 "* ]]; }

suite() { # NAME FUNCTION: runs it if asked for
  wanted "$1" || return 0
  suite_began=$SECONDS
  say "$1"
  "$2"
}

# --- the surroundings

prepare() {
  local major
  local -a packages=(g++ make libxsimd-dev perl libipc-run-perl python3 python3-venv)
  major=$(pg_major)
  [[ -n ${PG_CONFIG:-} ]] || packages+=("postgresql-$major" "postgresql-server-dev-$major")
  ! wanted unit || packages+=(libgtest-dev)
  ! wanted lint || packages+=(clang-format)
  install_packages "${packages[@]}"
  mkdir -p "$out"
  rm -rf "${out:?}"/*.log "$out/tap" "$out/regress" "$out/isolation"
  make_stage
  choose_postgres
  find_test_tools
}

# --- suites

lint() {
  bash test/lint.sh > "$out/lint.log" 2>&1 || cat "$out/lint.log"
  local counts
  counts=$(sed -nE 's/^lint: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$out/lint.log")
  # shellcheck disable=SC2086
  count lint ${counts:-0 1 0}
}

unit_variant() { # VARIANT: half of the tests on each of two cores
  local binary=$root/build/unit/$1/unit_tests shard p=0 f=0 s=0 log
  if ! make -s -C test/unit -j2 "$binary" > "$out/unit_$1_build.log" 2>&1; then
    show "$out/unit_$1_build.log"
    count "unit $1" 0 1 0
    return
  fi
  for shard in 0 1; do
    GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=$shard "$binary" --gtest_brief=1 > "$out/unit_$1_$shard.log" 2>&1 ||
      echo failed >> "$out/unit_$1_$shard.log" &
  done
  wait
  for log in "$out/unit_$1_"[01].log; do
    p=$((p + $(number_in PASSED "$log"))) s=$((s + $(number_in SKIPPED "$log")))
    [[ $(tail -n 1 "$log") != failed ]] || { # a sanitizer's report ends the run before anything is counted
      f=$((f + ($(number_in FAILED "$log") > 0 ? $(number_in FAILED "$log") : 1)))
      show "$log"
    }
  done
  count "unit $1" "$p" "$f" "$s"
}

number_in() { # PASSED, SKIPPED OR FAILED, LOG: of GoogleTest's last lines
  sed -nE "s/^\[  $1 *\] ([0-9]+) tests?.*/\1/p" "$2" | head -n 1 | grep . || echo 0
}

unit() {
  unit_variant plain
  suite_began=$SECONDS
  unit_variant asan
}

build() {
  local status=0
  make -s -j2 WERROR=-Werror PG_CONFIG="$pg/bin/pg_config" > "$out/build.log" 2>&1 &&
    make -s install PG_CONFIG="$pg/bin/pg_config" >> "$out/build.log" 2>&1 || status=1
  ((status == 0)) || show "$out/build.log"
  count build $((1 - status)) "$status" 0
  copy_tree
  return "$status"
}

installcheck() { # SUITE MAKE-ARGUMENTS...: pg_regress prints one line a test
  local name=$1 log=$out/$1.log status=0 p f
  shift
  as_server make -C "$stage/tree" installcheck PG_CONFIG="$pg/bin/pg_config" "$@" > "$log" 2>&1 || status=1
  p=$(matches '^(ok |test .*\.\.\. ok|     .*\.\.\. ok)' "$log")
  f=$(matches '^(not ok |test .*\.\.\. FAILED|     .*\.\.\. FAILED)' "$log")
  if ((status != 0)); then
    ((f > 0)) || f=1
    show "$log" 30
    find "$stage/tree" -name results -type d -exec cp -r {} "$out/$name" \;
    find "$stage/tree" -name regression.diffs -exec mv {} "$out/$name.diffs" \;
    [[ ! -e $out/$name.diffs ]] || { printf -- '--- %s\n' "$out/$name.diffs"; head -n 200 "$out/$name.diffs"; }
  fi
  count "$name" "$p" "$f" 0
}

has_specs() { compgen -G 'test/isolation/specs/*.spec' > /dev/null; }

regress() { installcheck regress ISOLATION=; }
isolation() { ! has_specs || installcheck isolation REGRESS=; }

# One TAP file. Its output and its servers' logs go to build/check/tap; a file that ends early counts as one failure.
tap_file() {
  local name=$1 status=0 began=$SECONDS
  prove_file "$name" > "$out/tap/$name.log" 2>&1 || status=$?
  ((status == 0)) || cp -r "$stage/tap/$name/tmp_check/log" "$out/tap/$name.servers" 2> /dev/null || true
  echo "$status $((SECONDS - began))" > "$out/tap/$name.status"
}

tap_report() { # NAME
  local log=$out/tap/$1.log p f s status
  read -r status suite_began < "$out/tap/$1.status"
  suite_began=$((SECONDS - suite_began))
  # With a number: prove's own line about the file begins with ok, too.
  p=$(grep -E '^ok [0-9]+' "$log" | grep -cvE '# (SKIP|skip)' || true)
  s=$(matches '^ok [0-9]+.*# (SKIP|skip)|^1\.\.0 # (SKIP|skip)' "$log")
  f=$(matches '^not ok [0-9]+' "$log")
  if ((status != 0)); then
    ((f > 0)) || f=1
    show "$log" 40
  fi
  count "tap ${1%%_*}" "$p" "$f" "$s"
}

tap() {
  local file name
  local -a names=()
  local asked
  asked=$(grep -oE '\b[0-9]{3}\b' <<< "$only" || true)
  # Never beside the checkout's own environment: it must be readable for the server's user.
  python_env "$out/venv" bench/requirements.txt bench/requirements-hdf5.txt bench/requirements-arrow.txt test/requirements-test.txt
  cp -a "$out/venv" "$stage/venv"
  mkdir -p "$out/tap"
  find_data
  mount_small_disk
  for file in test/t/[0-9]*.pl; do
    name=$(basename "$file" .pl)
    [[ -z $asked || $asked == *"${name%%_*}"* ]] && names+=("$name")
  done
  for name in "${names[@]}"; do
    while (($(jobs -rp | wc -l) >= 2)); do wait -n || true; done
    tap_file "$name" &
  done
  wait
  for name in "${names[@]}"; do tap_report "$name"; done
}

# Real vectors, where this machine has some the server's user can read: VQ_DATA, or a folder beside the checkout.
find_data() {
  VQ_DATA=${VQ_DATA:-$root/../shared/data}
  as_server test -r "$VQ_DATA/README.md" || VQ_DATA=''
}

server_suites() {
  # shellcheck disable=SC2119
  if ! new_server > "$out/server.log" 2>&1; then
    show "$out/server.log"
    count server 0 1 0
    return
  fi
  suite regress regress
  suite isolation isolation
  as_server pg_ctl -D "$stage/data" -m fast -w stop > /dev/null
}

# Regression tests take one core: TAP files have the other meanwhile.
server_suites_beside() {
  passed=0 failed=0 skipped=0
  server_suites
  echo "$passed $failed $skipped" > "$out/server_suites.counts"
}

report_server_suites() {
  local p=0 f=1 s=0
  cat "$out/server_suites.log"
  read -r p f s < "$out/server_suites.counts" || true
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

suites_of_servers() {
  rm -f "$out/server_suites.counts"
  if wanted regress || wanted isolation; then
    server_suites_beside > "$out/server_suites.log" 2>&1 &
  fi
  suite tap tap
  wait
  [[ ! -e $out/server_suites.log ]] || report_server_suites
}

main() {
  suite_began=0
  prepare
  suite lint lint
  suite unit unit
  suite_began=$SECONDS
  if build; then
    suites_of_servers
  fi
  say "logs in ${out#"$root/"}, $SECONDS s"
  echo "$passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

main
