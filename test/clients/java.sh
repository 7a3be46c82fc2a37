#!/usr/bin/env bash
# Fetches a Java client's jars (GROUP:ARTIFACT:VERSION) with Maven to the folder above, and runs the program in this one. Called by run.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

install_java() {
  local package
  rm -rf ../jars
  for package in "$@"; do
    mvn -q -B dependency:copy -Dartifact="$package" -DoutputDirectory="$(cd .. && pwd)/jars"
  done
}

once install_java "$@"
run_program java -cp '../jars/*' Main.java
