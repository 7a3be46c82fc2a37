#!/usr/bin/env bash
# Installs a Node.js client's packages in the folder above, and runs the program in this one. Called by run.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=install.sh
source "$(dirname "${BASH_SOURCE[0]}")/install.sh"

# Without their scripts: those fetch programs from elsewhere, which nothing here needs.
install_node() (
  cd ..
  echo '{"type": "module", "private": true}' > package.json
  npm install --silent --no-audit --no-fund --ignore-scripts "$@"
)

once install_node "$@"
PATH=$(cd .. && pwd)/node_modules/.bin:$PATH
# Prisma looks for one of those programs, even where it does not need it: it is for prisma migrate, which is not tried.
export PATH PRISMA_SCHEMA_ENGINE_BINARY=/bin/true
run_program node main.js
