#!/usr/bin/env bash
# The benchmarks: one private server, one run, indexes interleaved, ratios. About twenty minutes by default.
#   bash bench/run.sh                                        the default sections, on the sets found under --data-root
#   bash bench/run.sh --only query,build,insert,vacuum,memory --sets fashion,arxiv --indexes ivf_rabitq,hnsw
#   bash bench/run.sh --only inprocess                       our core beside scann-core, rabitqlib and Faiss, in memory: no server
#   bash bench/run.sh --only codes,search --faiss            recall of the codes alone, and search in memory: no server
#   bash bench/run.sh --only codebooks                       wrvq's codebooks in indexes of 1,000 rows and more: no server
#   bash bench/run.sh --only batches --indexes wrvq          time a row in batches of 100 to 50,000 rows
#   bash bench/run.sh --only clients                         1, 2, 8 and 32 clients at once
#   bash bench/run.sh --only cold                            the first queries after a restart, with small shared buffers and an empty cache
#   bash bench/run.sh --only filters                         WHERE that leaves all rows to three of them, and the planner's choice
#   bash bench/run.sh --only filter_columns                  WHERE on a column of the index, beside no WHERE and hnsw; size, inserts
#   bash bench/run.sh --only depth --quick                   recall against the target, by LIMIT and filter; without --quick twenty minutes
#   bash bench/run.sh --only queries --sets arxiv            what a target gives for queries that are no rows, before and after calibrating
#   bash bench/run.sh --only scale --sets arxiv-1m-96,arxiv-5m-96    builds phase by phase, with their memory, and how queries' cost grows with the rows
#   bash bench/run.sh --only storage --sets fashion          vectors in TOAST beside vectors in the row's page
#   bash bench/run.sh --only sublists --sets arxiv-1m        wrvq's sub-lists in 1,000,000 rows: about an hour
#   bash bench/run.sh --only target --indexes scann          vector_quant.target_recall against a fixed nprobe, on one index
#   bash bench/run.sh --only thresholds --rounds 1           WHERE distance < r that leaves no row to 10,000, and the planner's choice
#   bash bench/run.sh --only upkeep --sets arxiv             indexes trained anew while in use; --parts empty,window,writes chooses
#   bash bench/run.sh --help                                 options; bench/README.md says what each section measures
# pgvector's indexes and VectorChord's are measured beside ours where those extensions are installed; --faiss adds Faiss in process.
# Tables go to the terminal, every figure to build/bench/*.csv.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$root/build/bench
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$root/bench/lib.sh"

needs_server() { [[ ! " $* " =~ ' --only '(codebooks|codes|inprocess|search|,)+' ' && ! " $* " =~ ' '(-h|--help)' ' ]]; }

main() {
  local files=("$root/bench/requirements.txt")
  mkdir -p "$work"
  find_postgres
  if needs_server "$@"; then
    exec 9> "$work/lock"    # the exit trap, and the start of a server, would stop the other's
    flock -n 9 || die "another run has its server in $work/server"
    trap 'stop_server "$work/server/data"' EXIT
    [[ -n ${VQ_SKIP_BUILD:-} ]] || build_extension "$root"
  fi
  [[ " $* " != *" --faiss "* ]] || files+=("$root/bench/requirements-faiss.txt")
  [[ ! " $* " =~ ' --only '[a-z,]*inprocess ]] || files+=("$root/bench/requirements-faiss.txt" "$root/bench/requirements-inprocess.txt")
  mapfile -t -O "${#files[@]}" files < <(format_requirements "$root" "$@")
  python_env "$work/venv" "${files[@]}"
  # Threads of numpy's products wait for each other by spinning: many times slower where other work has the cores.
  OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1} PYTHONPATH=$root/bench PYTHONUNBUFFERED=1 "$work/venv/bin/python" "$root/bench/main.py" \
    --work "$work" --data-root "$root/../shared/data" "$@"
}

main "$@"
