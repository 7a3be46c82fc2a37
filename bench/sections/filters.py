"""WHERE category = ... ORDER BY distance LIMIT k, for filters that leave all rows, a tenth, ..., three rows: how many rows come
back, which, and how long it takes. Through each index whatever it costs, ours also with the category as a filter column, without the vector indexes (exact), and as the planner has it, with
and without a btree on the category. All points take turns."""
import re
import statistics
import time
from dataclasses import dataclass, field, replace

from vqlab import load, measure, report
from vqlab.datasets import Dataset
from vqlab.neighbours import exact_neighbours

SHARES = (1, 0.5, 0.1, 0.01, 0.001)    # of the rows; and then
FEW = 3                                # rows in all
QUERIES = 100                          # a round and point, fewer where they are slow:
SLOWEST = 3                            # seconds that one point may take in a round; five queries at least
MODES = {    # of the iterative scan, by extension or access method
    "vector_quant": ("off", "relaxed_order", "strict_order"),
    "hnsw": ("off", "relaxed_order", "strict_order"),
    "ivfflat": ("off", "relaxed_order"),
}
BTREE = "filtered_category"
FORCE = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}


@dataclass
class Filter:
    label: str
    where: str
    rows: int        # that it leaves
    truth: Dataset   # nearest of those rows


@dataclass
class Point:
    index: object       # None: no vector index
    extension: str
    mode: str           # of the iterative scan, "exact" or "planner"
    btree: bool
    filter: Filter
    settings: dict
    plan: str = ""
    cost: float = 0     # the planner's, of the whole query
    found: list = field(default_factory=list)    # ids of each query
    millis: list = field(default_factory=list)

    @property
    def name(self):
        return self.index.name if self.index else "none"

    def show(self, connection):
        measure.show_only(connection, "filtered", *([self.name] if self.index else []), *([BTREE] if self.btree else []))

    def sql(self, metric, k, query):
        return measure.nearest_sql(f"filtered WHERE {self.filter.where}", metric, k, query)

    def row(self, k):
        wanted = min(k, self.filter.rows)
        return (self.name, self.mode, "yes" if self.btree else "no", self.filter.label, self.filter.rows,
                min(map(len, self.found)), round(measure.recall(self.filter.truth, self.found, wanted), 4),
                round(statistics.median(self.millis), 3), round(max(self.millis), 3), round(self.cost), self.plan)


HEADER = ("index", "mode", "category_index", "selectivity", "rows", "rows_returned_min", "recall", "median_ms", "max_ms", "cost", "plan")


def run(bench, data):
    bench = replace(bench, indexes=[each for index in bench.indexes for each in
                                    ((index, index.with_filter("category")) if index.extension == "vector_quant" else (index,))])
    count = min(QUERIES, len(data.queries))
    data = Dataset(data.name, data.metric, data.base, data.queries[:count])
    for extension in {index.extension for index in bench.indexes}:
        bench.say(f"loading {data.name} for {extension}")
        prepare(bench.connections[extension], data)
    for index in bench.indexes:
        bench.say(f"building {index.name}")
        measure.build_index(bench.connection(index), index, "filtered", data.metric, len(data.base), index.name)
        print(f"{index.name}: {1e6 * measure.size_mb(bench.connection(index), index.name) / len(data.base):.2f} bytes a row")
    points = list(all_points(bench, filters_of(bench, data)))
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}, {len(points)} points")
        for point in points:
            one_round(bench.connections[point.extension], data, point, bench.args.k)
    rows = [point.row(bench.args.k) for point in points]
    report.write_csv(bench.csv(f"filters_{data.name}"), ("set", *HEADER), [(data.name, *row) for row in rows])
    print("\n" + report.table(HEADER, rows))
    show_choices(points)


def prepare(connection, data):
    """Table `filtered`: rows of a set in an order that knows nothing of the vectors get a category, the rare ones first."""
    load.load_table(connection, "items", data.base)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    limits, limit = [], 0
    for category, share in enumerate((FEW / len(data.base), *reversed(SHARES[1:]))):
        limit += max(1, round(share * len(data.base)))
        limits.append(f"WHEN place <= {limit} THEN {category}")
    connection.execute("DROP TABLE IF EXISTS filtered")
    connection.execute(f"""
        CREATE TABLE filtered AS SELECT id, embedding, CASE {' '.join(limits)} ELSE {len(limits)} END AS category
        FROM (SELECT *, row_number() OVER (ORDER BY hashint8(id), id) AS place FROM items) i ORDER BY id""")
    connection.execute("DROP TABLE items")
    connection.execute(f"CREATE INDEX {BTREE} ON filtered (category)")
    connection.execute("VACUUM (ANALYZE, FREEZE) filtered")


def filters_of(bench, data):
    """From the widest to the narrowest."""
    connection = bench.connection(bench.indexes[0])
    labels = [*(str(share) for share in SHARES), f"{FEW} rows"]
    conditions = ["category >= 0", *(f"category = {category}" for category in reversed(range(len(SHARES))))]
    for label, where in zip(labels, conditions):
        ids = [row[0] for row in connection.execute(f"SELECT id FROM filtered WHERE {where} ORDER BY id")]
        near = exact_neighbours(data.base[ids], data.queries, data.metric, bench.args.k)
        truth = [[ids[place] for place in places] for places in near]
        yield Filter(label, where, len(ids), Dataset(data.name, data.metric, data.base, data.queries, truth))


def all_points(bench, filters):
    for chosen in filters:
        for index in bench.indexes:
            for mode in MODES.get(index.extension) or MODES[index.method]:
                setting = {f"{index.method}.iterative_scan": mode}
                yield Point(index, index.extension, mode, False, chosen, {**index.settings, **setting, **FORCE})
            iterative = {f"{index.method}.iterative_scan": "strict_order" if index.extension == "vector_quant" else "relaxed_order"}
            for btree in (False, True):
                yield Point(index, index.extension, "planner", btree, chosen, {**index.settings, **iterative})
        for btree in (False, True):
            yield Point(None, bench.indexes[0].extension, "exact", btree, chosen, {})


def one_round(connection, data, point, k):
    """The same queries in every round; at least five of them."""
    measure.apply_settings(connection, point.settings)
    point.show(connection)
    connection.execute("DISCARD PLANS")
    explained = [line for line, in connection.execute("EXPLAIN " + point.sql(data.metric, k, "0"))]
    point.plan = scan_of(explained)
    point.cost = float(re.search(r"\.\.([0-9.]+) rows", explained[0])[1])
    found, millis = timed(connection, point.sql(data.metric, k, "%s"), len(data.queries))
    point.millis += millis
    if len(found) > len(point.found):
        point.found = found


def timed(connection, sql, count):
    """The ids that each of so many queries finds, and its milliseconds."""
    connection.execute(sql, [0], prepare=True)
    began = time.perf_counter()
    found, millis = [], []
    for query in range(count):
        start = time.perf_counter()
        found.append([row[0] for row in connection.execute(sql, [query], prepare=True)])
        millis.append(1000 * (time.perf_counter() - start))
        if query >= 4 and time.perf_counter() - began > SLOWEST:
            break
    return found, millis


def scan_of(explained):
    """How the table `filtered` is read."""
    for line in explained:
        match = re.search(r"((?:Parallel )?(?:Seq|Bitmap Heap|Index)) Scan(?: using (\w+))? on filtered", line)
        if match:
            return match[1].lower() + (f" {match[2]}" if match[2] else "")
    return "?"


def show_choices(points):
    """What the planner took beside what it could have taken, and what the wrong choice costs."""
    timed = {(p.name, p.mode, p.btree, p.filter.label): p for p in points}
    rows = []
    for point in points:
        if point.mode != "planner" or point.extension != "vector_quant":
            continue
        label = point.filter.label
        scan, exact = timed[point.name, "strict_order", False, label], timed["none", "exact", point.btree, label]
        times = [statistics.median(p.millis) for p in (scan, exact, point)]
        rows.append((point.name, "yes" if point.btree else "no", label, f"{times[0]:.2f}", f"{times[1]:.2f}", f"{times[2]:.2f}",
                     point.plan, f"{times[2] / min(times[:2]):.1f}", f"{scan.cost / times[0] / (exact.cost / times[1]):.2f}"))
    print("\n" + report.table(("index", "btree", "selectivity", "through it ms", "exact ms", "planner's ms", "planner's plan",
                               "planner's / best", "cost a ms, index / exact"), rows))
