"""Filter columns beside what they are to be compared with, in turns: the same query without a filter, on an index without filter columns; pgvector's
hnsw with its iterative scan; the same rows inserted into an index without filter columns. Ratios are of medians within a round."""
import re
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace

from sections import filters
from vqlab import measure, report
from vqlab.datasets import Dataset

COLUMNS = ("category", "id")   # that further indexes have, one and two of them
INSERTED = 5000                # rows, in each round
NO_FILTER = "no WHERE"
CSV_HEADER = ("index", "filter_columns", "selectivity", "rows", "rows_returned_min", "recall", "median_ms", "pages")
PAGES_OF = 20                  # queries, whose pages are counted


@dataclass
class Point:
    index: object
    filter: object                                  # of sections/filters.py; None: no WHERE
    millis: list = field(default_factory=list)      # median of each round
    found: list = field(default_factory=list)
    pages: float = 0                                # of a query

    def sql(self, metric, k, query):
        return measure.nearest_sql(f"filtered WHERE {self.filter.where}" if self.filter else "filtered", metric, k, query)

    @property
    def label(self):
        return self.filter.label if self.filter else NO_FILTER

    def recall(self, unfiltered, k):
        """unfiltered: the filter that lets all rows pass."""
        return measure.recall((self.filter or unfiltered).truth, self.found, min(k, (self.filter or unfiltered).rows))

    def row(self, unfiltered, k):
        return (self.index.method, len(self.index.filters), self.label, (self.filter or unfiltered).rows, min(map(len, self.found)),
                round(self.recall(unfiltered, k), 4), round(statistics.median(self.millis), 3), round(self.pages))


def run(bench, data):
    data = Dataset(data.name, data.metric, data.base, data.queries[:filters.QUERIES])
    for extension in {index.extension for index in bench.indexes}:
        bench.say(f"loading {data.name} for {extension}")
        filters.prepare(bench.connections[extension], data)
    ours = [index for index in bench.indexes if index.extension == "vector_quant"]
    peers = [index for index in bench.indexes if index.name == "hnsw"]
    chosen = list(filters.filters_of(replace(bench, indexes=ours), data))
    groups = [[replace(index, filters=COLUMNS[:count], name="_".join((index.name, *COLUMNS[:count]))) for count in range(len(COLUMNS) + 1)]
              for index in ours]
    for index in [each for group in groups for each in group] + peers:
        bench.say(f"building {index.name}")
        measure.build_index(bench.connection(index), index, "filtered", data.metric, len(data.base), index.name)
    points = [point for group in groups for point in points_of(group, chosen)]
    points += [Point(index, each) for index in peers for each in chosen]
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}, {len(points)} points")
        for point in points:
            one_round(bench, data, point)
    show(bench, data, groups, chosen, points)
    for group in groups:
        insert_rates(bench, data, group)


def points_of(group, chosen):
    """Without a filter through each index, and every filter through the one with its column alone."""
    return [*(Point(index, None) for index in group), *(Point(group[1], each) for each in chosen)]


def one_round(bench, data, point):
    connection, k = bench.connection(point.index), bench.args.k
    mode = {f"{point.index.method}.iterative_scan": "strict_order"}
    measure.apply_settings(connection, {**point.index.settings, **mode, **filters.FORCE})
    measure.show_only(connection, "filtered", point.index.name)
    connection.execute("DISCARD PLANS")
    found, millis = filters.timed(connection, point.sql(data.metric, k, "%s"), len(data.queries))
    point.millis.append(statistics.median(millis))
    if len(found) > len(point.found):
        point.found = found
    if not point.pages:
        point.pages = pages(connection, point, data.metric, k)


def pages(connection, point, metric, k):
    """That the index scan's node reads for a query, in shared buffers or not, those of the table with them."""
    total = 0
    for query in range(PAGES_OF):
        lines = [line for line, in connection.execute("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) "
                                                      + point.sql(metric, k, query))]
        total += sum(int(n) for n in re.findall(r"(?:hit|read)=(\d+)", next(line for line in lines if "Buffers: shared" in line)))
    return total / PAGES_OF


def ratios(point, other):
    return report.spread([a / b for a, b in zip(point.millis, other.millis)], 2)


def show(bench, data, groups, chosen, points):
    k, unfiltered = bench.args.k, chosen[0]
    peer = {point.label: point for point in points if point.index.name == "hnsw"}
    lines = []
    for group in groups:
        plain, *others = [point for point in points if point.index in group]
        for point in (plain, *others):
            beside = peer.get(point.label)
            lines.append((point.index.name, point.label, min(map(len, point.found)), f"{point.recall(unfiltered, k):.4f}",
                          report.spread(point.millis, 2), ratios(point, plain), f"{point.pages:.0f}",
                          report.spread(beside.millis, 1) if beside else "",
                          f"{beside.recall(unfiltered, k):.3f}" if beside else "", ratios(beside, point) if beside else ""))
    header = ("index", "rows left", "rows", "recall", "ms", "/ no WHERE, no column", "pages", "hnsw ms", "hnsw recall", "hnsw / this")
    report.write_csv(bench.csv(f"filter_columns_{data.name}"), ("name", *CSV_HEADER), [(point.index.name, *point.row(unfiltered, k)) for point in points])
    print(f"\nmin/median/max of {bench.args.rounds} rounds, as shipped (no target set)\n")
    print(report.table(header, lines))
    sizes = defaultdict(list)
    for group in groups:
        for index in group:
            sizes[group[0].name].append(1e6 * measure.size_mb(bench.connection(index), index.name) / len(data.base))
    print("\n" + report.table(("index", "bytes a row", "with one column", "with two", "for one column"),
                              [(name, *(f"{size:.2f}" for size in each), f"{each[1] - each[0]:.2f}") for name, each in sizes.items()]))


def insert_rates(bench, data, group):
    """The same rows into a copy of the table with each of the indexes, in turns; they are deleted and vacuumed away again."""
    connection = bench.connection(group[0])
    measure.apply_settings(connection, {})
    count = min(INSERTED, len(data.base) // 20)
    indexed = len(data.base) - count
    for number, index in enumerate(group):
        connection.execute(f"DROP TABLE IF EXISTS inserts_{number}")
        connection.execute(f"CREATE TABLE inserts_{number} AS SELECT * FROM filtered WHERE id < {indexed}")
        measure.build_index(connection, index, f"inserts_{number}", data.metric, indexed, f"inserts_{number}_index")
    seconds = defaultdict(list)
    for number in range(max(bench.args.rounds, 3)):
        for table in range(len(group)) if number % 2 == 0 else reversed(range(len(group))):
            start = time.monotonic()
            connection.execute(f"INSERT INTO inserts_{table} SELECT * FROM filtered WHERE id >= {indexed}")
            seconds[table].append(time.monotonic() - start)
            connection.execute(f"DELETE FROM inserts_{table} WHERE id >= {indexed}")
            connection.execute(f"VACUUM (INDEX_CLEANUP on) inserts_{table}")
    print("\n" + report.table(("index", "rows inserted a second", "/ without filter columns"),
                              [(index.name, report.spread([count / s for s in seconds[table]]),
                                report.spread([a / b for a, b in zip(seconds[0], seconds[table])], 2)) for table, index in enumerate(group)]))
    for table in range(len(group)):
        connection.execute(f"DROP TABLE inserts_{table}")
