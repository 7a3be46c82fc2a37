"""The benchmarks behind run.sh."""
import argparse
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sections import batches, clients, codebooks, codes, cold, depth, faiss_alone, filter_columns, filters, inprocess, memory, queries, query, scale, search, storage, sublists, target, thresholds, upkeep, writes
from vqlab import datasets, generate, indexes
from vqlab.server import Server

SETS = {"fashion": "fashion-mnist-784", "arxiv": "arxiv-minilm-384"}    # folders under --data-root
# Sets that vqlab/generate.py makes: after which one, rows, dimensions (None: as many).
DRAWN = {"arxiv-1m": ("arxiv", 1_000_000, None), "arxiv-100k-96": ("arxiv", 100_000, 96), "arxiv-1m-96": ("arxiv", 1_000_000, 96),
         "arxiv-5m-96": ("arxiv", 5_000_000, 96), "arxiv-10m-96": ("arxiv", 10_000_000, 96)}
REDUCED = {f"arxiv-{dims}": ("arxiv", dims) for dims in (48, 100, 200, 300)}    # the real rows in so many principal directions
GENERATED = {"generated": (datasets.generated, 50_000, 384), "sums": (datasets.sums, 100_000, 768)}    # how, rows, dimensions
SECTIONS = ("query", "build", "insert", "vacuum", "memory")
NAMED = ("batches", "clients", "cold", "depth", "filter_columns", "filters", "queries", "scale", "storage", "sublists", "target", "thresholds", "upkeep")    # only when named
SERVERLESS = {"codebooks": codebooks.run, "codes": codes.run, "inprocess": inprocess.run, "search": search.run}    # only when named: no PostgreSQL, nothing of the extension


@dataclass
class Bench:
    """What every section works with."""
    args: argparse.Namespace
    server: Server
    connections: dict    # extension -> connection to its database
    indexes: list
    only: set            # sections asked for
    sizes: list = field(default_factory=list)    # of the section scale, set by set

    def csv(self, name):
        return Path(self.args.work) / f"{name}.csv"

    def connection(self, index):
        return self.connections[index.extension]

    @staticmethod
    def say(text):
        print(f"== {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description=__doc__)
    parser.add_argument("--only", default=",".join(SECTIONS),
                        help=f"sections; default %(default)s; besides {', '.join((*NAMED, *SERVERLESS))}")
    parser.add_argument("--sets",
                        help="fashion, arxiv, generated, sums, arxiv-1m, arxiv-100k-96, arxiv-1m-96, arxiv-5m-96, arxiv-10m-96, arxiv-48, arxiv-100, arxiv-200, arxiv-300, or paths; default: what --data-root holds")
    parser.add_argument("--data-root", help="folder with the sets' folders")
    parser.add_argument("--indexes", help=f"of {', '.join(i.name for i in indexes.INDEXES)}; default: those installed")
    parser.add_argument("--rounds", type=int, default=3, help="of every sweep, points in turns; default %(default)s")
    parser.add_argument("--seconds", type=int, default=2, help="for each point of a sweep in each round; default %(default)s")
    parser.add_argument("--queries", type=int, default=1000, help="of each set, at most; default %(default)s")
    parser.add_argument("--quick", action="store_true",
                        help="for a trial: fewer points of depth, of sublists only the indexes with sub-lists")
    parser.add_argument("--parts", default=",".join(upkeep.PARTS), help="of the section upkeep; default %(default)s")
    parser.add_argument("--pause", type=float, default=0, help="seconds after each batch of upkeep's part empty; default %(default)s")
    parser.add_argument("--rows", type=int, help="cut the sets down, for a trial")
    parser.add_argument("--k", type=int, default=10, help="neighbours a query; default %(default)s")
    parser.add_argument("--executions", type=int, default=100_000, help="queries of the memory section")
    parser.add_argument("--faiss", action="store_true", help="Faiss in process, one thread, on the same sets")
    parser.add_argument("--work", default="build/bench", help=argparse.SUPPRESS)
    return parser.parse_args()


def chosen_sets(args):
    """Paths, or names of sets that are drawn anew each time (GENERATED)."""
    root = Path(args.data_root or ".")
    if args.sets:
        names = args.sets.split(",")
    else:
        names = [name for name, folder in SETS.items() if (root / folder).exists()] or ["generated"]
    return [set_path(args, root, name) for name in names]


def set_path(args, root, name):
    if name in GENERATED:
        return name
    if name not in REDUCED and name not in DRAWN:
        return root / SETS[name] if name in SETS else Path(name)
    Bench.say(f"making {name}, unless it is there")
    folder = Path(args.work) / "sets" / name
    if name in REDUCED:
        source, dims = REDUCED[name]
        return generate.make_reduced(root / SETS[source], folder, args.queries, dims)
    source, rows, dims = DRAWN[name]
    return generate.make(root / SETS[source], folder, rows, args.queries, dims)


def read_set(path, args):
    if path in GENERATED:
        draw, rows, dims = GENERATED[path]
        data = draw(args.rows or rows, dims)
    else:
        data = datasets.load(path, None, args.rows)
    data.queries = data.queries[:args.queries]
    if data.truth is not None:
        data.truth = data.truth[:len(data.queries)] if len(data.truth) >= len(data.queries) else None
    return datasets.ensure_truth(data, args.k)


# In this order, each where one of its names is asked for.
STEPS = ((("query", "build", "clients", "cold", "memory"), query.prepare), (("query",), query.run), (("clients",), clients.run), (("cold",), cold.run), (("memory",), memory.run),
         (("insert", "vacuum"), writes.run), (("batches",), batches.run), (("filters",), filters.run),
         (("filter_columns",), filter_columns.run), (("depth",), depth.run), (("queries",), queries.run), (("scale",), scale.run), (("storage",), storage.run), (("sublists",), sublists.run),
         (("target",), target.run), (("thresholds",), thresholds.run), (("upkeep",), upkeep.run))


def run_sections(bench, data):
    for names, run in STEPS:
        if bench.only & set(names):
            run(bench, data)


def connect(server, stack):
    made = (extension for extension in indexes.EXTENSIONS if server.create_database(extension, extension))
    return {extension: stack.enter_context(server.connect(extension)) for extension in made}


def with_server(args, only):
    with ExitStack() as stack:
        server = stack.enter_context(Server(Path(args.work) / "server", os.environ.get("PG_CONFIG", "pg_config")))
        connections = connect(server, stack)
        found = indexes.available(connections, args.indexes and args.indexes.split(","))
        bench = Bench(args, server, connections, found, only)
        print(f"{server.describe()}\nindexes: {', '.join(i.name for i in found)}")
        for path in chosen_sets(args):
            data = read_set(path, args)
            print(f"\n## {data.describe()}, k = {args.k}")
            run_sections(bench, data)
            if args.faiss:
                faiss_alone.run(bench, data)
        if "scale" in only:
            scale.show(bench)
        if "insert" in only:
            print("\n## generated, 768 dimensions")
            writes.run_generated(bench, 768)


def without_server(args, only):
    for path in chosen_sets(args):
        data = read_set(path, args)
        print(f"\n## {data.describe()}", flush=True)
        for name in SERVERLESS:
            if name in only:
                Bench.say(f"{name} of {data.name}")
                SERVERLESS[name](args, data, path)


def main():
    args = arguments()
    only = set(args.only.split(","))
    unknown = only - {*SECTIONS, *NAMED, *SERVERLESS}
    if unknown:
        raise SystemExit(f"unknown section; known: {', '.join((*SECTIONS, *NAMED, *SERVERLESS))}")
    if only & {*SECTIONS, *NAMED}:
        with_server(args, only)
    if only & set(SERVERLESS):
        without_server(args, only)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
