"""Two builds side by side; see compare.sh."""
import argparse
import statistics
from contextlib import ExitStack
from pathlib import Path

from main import SETS
from vqlab import datasets, indexes, load, measure, report
from vqlab.server import Server

K = 10
BUILDS = ("old", "new")
COUNTED = ("recall", "lists", "codes", "reranked", "blocks")


def arguments():
    parser = argparse.ArgumentParser(prog="bench/compare.sh COMMIT", description=__doc__)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--indexes", default="ivf_rabitq,scann,wrvq")
    parser.add_argument("--targets", default="0.95,0.98")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--storage", help="of the vectors, such as plain; default: their type's")
    for name in ("data-root", "old", "new", "work"):
        parser.add_argument("--" + name, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def ask(connection, data, queries):
    """Microseconds of the server process a query."""
    sql = measure.nearest_sql("items", data.metric, K, "%s")
    before = measure.cpu_seconds(connection)
    for query in range(queries):
        connection.execute(sql, [query], prepare=True).fetchall()
    return (measure.cpu_seconds(connection) - before) / queries * 1e6


def count(connection, data, name):
    """What does not depend on the machine."""
    found, scans = measure.found_ids_and_scans(connection, "items", data.metric, K, len(data.queries), name)
    codes, lists, reranked = (statistics.mean(values) for values in zip(*scans))
    sql = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT json) " + measure.nearest_sql("items", data.metric, K, "%s")
    plans = [connection.execute(sql, [query]).fetchone()[0][0]["Plan"] for query in range(100)]
    blocks = statistics.mean(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
    return dict(zip(COUNTED, (measure.recall(data, found, K), lists, codes, reranked, blocks)))


def compare_target(connections, data, index, target, args):
    counted = {}
    for build, connection in connections.items():
        measure.apply_settings(connection, {"vector_quant.target_recall": target, "enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"})
        counted[build] = count(connection, data, index.name)
    times = {build: [] for build in BUILDS}
    for _ in range(args.rounds):
        for build, connection in connections.items():
            times[build].append(ask(connection, data, len(data.queries)))
    ratios = [old / new for old, new in zip(*times.values())]
    for build in BUILDS:
        yield (index.name, target, build, report.spread(times[build]), report.spread(ratios, 2) if build == "new" else "",
               *(f"{counted[build][what]:.{4 if what == 'recall' else 1}f}" for what in COUNTED))


def compare_set(servers, data, args):
    rows, built = [], []
    with ExitStack() as stack:
        connections = {build: stack.enter_context(server.connect("vector_quant")) for build, server in servers.items()}
        for connection in connections.values():
            load.load_table(connection, "items", data.base, storage=args.storage)
            load.load_table(connection, "queries", data.queries, primary_key=True)
        for index in indexes.available({"vector_quant": connections["old"]}, args.indexes.split(",")):
            for build, connection in connections.items():
                seconds = measure.build_index(connection, index, "items", data.metric, len(data.base), index.name)
                built.append((index.name, build, f"{seconds:.1f}", f"{measure.size_mb(connection, index.name):.2f}"))
            for target in args.targets.split(","):
                rows += compare_target(connections, data, index, target, args)
            for connection in connections.values():
                connection.execute(f"DROP INDEX {index.name}")
    print("\n" + report.table(("index", "build", "built in s", "MB"), built))
    print("\n" + report.table(("index", "target", "build", "us a query min/median/max", "old / new", *COUNTED), rows))


def main():
    args = arguments()
    with ExitStack() as stack:
        servers = {build: stack.enter_context(Server(Path(args.work) / build, getattr(args, build))) for build in BUILDS}
        for server in servers.values():
            server.create_database("vector_quant", "vector_quant")
        print(servers["new"].describe())
        for name in args.sets.split(","):
            data = datasets.load(Path(args.data_root) / SETS.get(name, name), None, None)
            data.queries = data.queries[:args.queries]
            data = datasets.ensure_truth(data, K)
            print(f"\n## {data.describe()}, k = {K}")
            compare_set(servers, data, args)


main()
