#!/usr/bin/env bash
# PostgreSQL 15 with assertions, for PG_CONFIG of trust.sh, kills.sh and check.sh; no Debian package has them.
#   bash test/assertions.sh FOLDER   compiles it into this folder: about 5 minutes
# The source is Debian 12's, from the mirror of this machine's apt. What a compiler and a server of Debian need besides is installed.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"

folder=$(realpath -m "${1:?folder}")
work=$(mktemp -d "${TMPDIR:-/tmp}/vqassert.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Lists of sources in the temporary folder: apt's own stay as they are.
get_source() {
  local -a apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/lists" -o Dir::State::Lists="$work/state")
  mkdir -p "$work/lists" "$work/state/partial"
  chmod 755 "$work"
  sed 's/^Types: .*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources > "$work/lists/debian.sources"
  "${apt[@]}" update
  (cd "$work" && "${apt[@]}" source --download-only --only-source postgresql-15/bookworm)
  tar -xf "$work"/postgresql-15_*.orig.tar.bz2 -C "$work" --strip-components 1 --one-top-level=source
}

install_packages g++ make dpkg-dev libreadline-dev zlib1g-dev
get_source
cd "$work/source"
./configure -q --prefix="$folder" --enable-cassert --enable-debug CFLAGS=-O1
make -s -j2
make -s install
echo "$folder/bin/pg_config"
