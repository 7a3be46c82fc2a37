"""What it costs that vectors lie out of line, in the TOAST table, as those of more than 2 kB do unless a column is SET STORAGE PLAIN: CPU of the
server a query, both tables in turns. Beside the set's own dimensions, the same vectors padded with zeros to WIDE, which changes no distance.
"""
import statistics
from dataclasses import dataclass, field, replace

import numpy as np

from vqlab import load, measure, report

EXTENSION = "vector_quant"
STORAGES = ("plain", "external")
TARGETS = (0.95, 0.98)
WIDE = 1536


@dataclass
class Point:
    index: str
    dims: int
    target: float
    storage: str
    recall: float = 0
    reranked: float = 0
    micros: list = field(default_factory=list)    # of the backend's CPU, a query; one a round


def run(bench, data):
    ours = [index for index in bench.indexes if index.extension == EXTENSION]
    points = [point for width in sorted({data.dims, max(WIDE, data.dims)}) for point in at_width(bench, padded(data, width), ours)]
    show(bench, data, points)


def padded(data, width):
    def wide(vectors):
        return np.pad(vectors, ((0, 0), (0, width - data.dims)))
    return replace(data, base=wide(data.base), queries=wide(data.queries))


def table_of(storage):
    return f"items_{storage}"


def at_width(bench, data, indexes):
    connection = bench.connections[EXTENSION]
    load.load_table(connection, "queries", data.queries, primary_key=True)
    for storage in STORAGES:
        bench.say(f"loading {data.name}, {data.dims} dimensions, {storage}")
        load.load_table(connection, table_of(storage), data.base, storage=storage)
        for index in indexes:
            measure.build_index(connection, index, table_of(storage), data.metric, len(data.base), f"{index.name}_{storage}")
    points = [Point(index.name, data.dims, target, storage) for index in indexes for target in TARGETS for storage in STORAGES]
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}")
        for point in points:
            ask(bench, data, point)
    return points


def ask(bench, data, point):
    connection = bench.connections[EXTENSION]
    table, name = table_of(point.storage), f"{point.index}_{point.storage}"
    measure.show_only(connection, table, name)
    measure.apply_settings(connection, {"vector_quant.target_recall": point.target})
    measure.found_ids(connection, table, data.metric, bench.args.k, 50, name)    # warm
    point.micros.append(measure.cpu_micros(connection, table, data, bench.args.k, name))
    if point.reranked == 0:
        found, scans = measure.found_ids_and_scans(connection, table, data.metric, bench.args.k, len(data.queries), name)
        point.recall = measure.recall(data, found, bench.args.k)
        point.reranked = statistics.mean(reranked for _, _, reranked in scans)


def show(bench, data, points):
    report.write_csv(bench.csv(f"storage_{data.name}"), ("index", "dims", "target", "storage", "recall", "reranked", "round", "micros"),
                     [(p.index, p.dims, p.target, p.storage, p.recall, p.reranked, number, micros)
                      for p in points for number, micros in enumerate(p.micros)])
    rows = []
    for plain, external in zip(points[::2], points[1::2]):
        ratios = [theirs / mine for mine, theirs in zip(plain.micros, external.micros)]
        more = statistics.median(external.micros) - statistics.median(plain.micros)
        rows.append((plain.index, plain.dims, plain.target, f"{plain.recall:.4f}", f"{plain.reranked:.1f}", report.spread(plain.micros),
                     report.spread(external.micros), report.spread(ratios, 2), f"{more / plain.reranked:.2f}"))
    print("\n" + report.table(("index", "dims", "target", f"recall@{bench.args.k}", "rows reranked", "us in the page min/median/max", "us in TOAST",
                               "TOAST / page", "us more a row"), rows))
