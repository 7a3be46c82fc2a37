"""WHERE distance < r ORDER BY distance, for thresholds that leave no row, 1, 3, ... 10,000, with LIMIT 10 and without: rows found against
exact, and how long it takes. Through each index whatever it costs, by an exact scan, and as the planner has it. Then the planner's choice over
thresholds, limits and filters, with and without a btree on the filter's column.

Thresholds are each query's own, halfway between the last row that is left and the next one. They are written as people do: a similarity above
s under cosine and the inner product, a distance below r under L2.
"""
import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from sections.filters import BTREE, FORCE, prepare, scan_of
from vqlab import load, measure, report
from vqlab.datasets import Dataset
from vqlab.neighbours import unit

LEFT = (0, 1, 3, 10, 100, 10_000)      # rows
LIMITS = (10, None)
METRICS = {"arxiv-minilm-384": ("cosine", "l2", "ip")}    # of other sets, their own
QUERIES = 40                           # a round and point, fewer where they are slow:
SLOWEST, FEWEST = 1.5, 5               # seconds that one point may take in a round, queries whatever they take
FORMS = {"cosine": "1 - (embedding <=> {q}) > {s}", "l2": "embedding <-> {q} < {r}", "ip": "(embedding <#> {q}) * -1 > {s}"}
GRID_LEFT = (3, 100, 3000)
GRID_FILTERS = {"1": "category >= 0", "0.1": "category = 3", "0.01": "category = 2", "0.001": "category = 1"}    # of sections/filters.py
GRID_QUERIES = 10


@dataclass
class Threshold:
    left: int
    values: list     # the largest distance that passes, a query
    truth: list      # ids that pass, nearest first, a query


@dataclass
class Point:
    index: object    # None: no vector index
    extension: str
    mode: str        # of the iterative scan, "exact" or "planner"
    threshold: Threshold
    limit: object
    settings: dict
    where: str = "true"
    filter: str = "1"
    btree: bool = False
    plan: str = ""
    found: list = field(default_factory=list)
    millis: list = field(default_factory=list)

    @property
    def name(self):
        return self.index.name if self.index else "none"

    def sql(self, metric, queries, number):
        q = "'[" + ",".join(f"{x:.9g}" for x in queries[number]) + "]'"
        r = self.threshold.values[number]
        passes = FORMS[metric].format(q=q, r=f"{r:.12g}", s=f"{(1 if metric == 'cosine' else 0) - r:.12g}")
        return (f"SELECT id FROM filtered WHERE {passes} AND {self.where} ORDER BY embedding {load.OPERATORS[metric]} {q}"
                + (f" LIMIT {self.limit}" if self.limit else ""))

    def recall(self, kept=None):
        """Of rows that pass, or of as many as LIMIT asks for; with `kept`, of the rows that the filter lets pass."""
        wanted = hits = 0
        for truth, found in zip(self.threshold.truth, self.found):
            truth = truth if kept is None else truth[np.isin(truth, kept)]
            truth = truth[:self.limit] if self.limit else truth
            wanted += len(truth)
            hits += len(set(truth.tolist()) & set(found))
        return hits / wanted if wanted else 1.0


def run(bench, data):
    count = min(QUERIES, len(data.queries))
    for metric in METRICS.get(data.name, (data.metric,)):
        base, queries = data.base, data.queries[:count]
        if metric == "ip":
            base = base * np.random.default_rng(1).uniform(0.7, 1.3, (len(base), 1)).astype(np.float32)
        run_metric(bench, Dataset(data.name, metric, base, queries))


def run_metric(bench, data):
    chosen = [index for index in bench.indexes if index.extension == "vector_quant" or index.method == "hnsw"]
    for extension in dict.fromkeys(index.extension for index in chosen):
        bench.say(f"loading {data.name} for {extension}, {data.metric}")
        prepare(bench.connections[extension], data)
    for index in chosen:
        bench.say(f"building {index.name}")
        measure.build_index(bench.connection(index), index, "filtered", data.metric, len(data.base), index.name)
    thresholds = [threshold for threshold in thresholds_of(data, sorted({*LEFT, *GRID_LEFT}))]
    points = list(all_points(bench, chosen, [t for t in thresholds if t.left in LEFT]))
    grid = list(grid_points(chosen, [t for t in thresholds if t.left in GRID_LEFT]))
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}, {len(points)} and {len(grid)} points")
        for point in points:
            one_round(bench.connections[point.extension], data, point, QUERIES)
        for point in grid:
            one_round(bench.connections[point.extension], data, point, GRID_QUERIES)
    show(bench, data, points)
    show_choices(bench, data, grid)


def thresholds_of(data, counts):
    """Distances in double, of float rows: a threshold lies in the middle of a gap, beyond what float sums are off."""
    base, queries = data.base.astype(np.float64), data.queries.astype(np.float64)
    if data.metric == "cosine":
        base, queries = unit(base), unit(queries)
    squares = (base ** 2).sum(axis=1)
    found = {left: Threshold(left, [], []) for left in counts}
    for query in queries:
        product = base @ query
        if data.metric == "l2":
            distance = np.sqrt(np.maximum(squares - 2 * product + query @ query, 0))
        else:
            distance = (1 if data.metric == "cosine" else 0) - product
        order = np.argsort(distance, kind="stable")[:max(counts) + 1]
        for left, threshold in found.items():
            near = distance[order[left]]
            before = distance[order[left - 1]] if left else near - 0.02 * abs(near)
            threshold.values.append((near + before) / 2)
            threshold.truth.append(order[:left])
    return found.values()


def all_points(bench, chosen, thresholds):
    for threshold in thresholds:
        for limit in LIMITS:
            for index in chosen:
                modes = ("off", "strict_order") if index.method == "hnsw" else ("strict_order",)
                for mode in modes:
                    setting = {f"{index.method}.iterative_scan": mode}
                    yield Point(index, index.extension, mode, threshold, limit, {**index.settings, **setting, **FORCE})
                if index.extension == "vector_quant":
                    yield Point(index, index.extension, "planner", threshold, limit, index.settings)
            yield Point(None, chosen[0].extension, "exact", threshold, limit, {})


def grid_points(chosen, thresholds):
    index = chosen[0]
    for threshold in thresholds:
        for limit in LIMITS:
            for label, where in GRID_FILTERS.items():
                filtered = {"where": where, "filter": label}
                yield Point(index, index.extension, "index", threshold, limit, {**index.settings, **FORCE}, **filtered)
                for btree in (False, True):
                    yield Point(None, index.extension, "exact", threshold, limit, {}, btree=btree, **filtered)
                    yield Point(index, index.extension, "planner", threshold, limit, index.settings, btree=btree, **filtered)


def one_round(connection, data, point, queries):
    measure.apply_settings(connection, point.settings)
    measure.show_only(connection, "filtered", *([point.name] if point.index else []), *([BTREE] if point.btree else []))
    sql = [point.sql(data.metric, data.queries, number) for number in range(min(queries, len(data.queries)))]
    point.plan = scan_of([line for line, in connection.execute("EXPLAIN " + sql[0])])
    connection.execute(sql[0])
    began = time.perf_counter()
    found = []
    for number, text in enumerate(sql):
        start = time.perf_counter()
        found.append([row[0] for row in connection.execute(text, prepare=False)])
        point.millis.append(1000 * (time.perf_counter() - start))
        if number + 1 >= FEWEST and time.perf_counter() - began > SLOWEST:
            break
    if len(found) > len(point.found):
        point.found = found


def show(bench, data, points):
    exact = {(p.threshold.left, p.limit): statistics.median(p.millis) for p in points if p.mode == "exact"}
    header = ("set", "metric", "rows_left", "limit", "index", "mode", "recall", "median_ms", "max_ms", "exact_ms", "to_exact", "plan")
    rows = []
    for p in points:
        millis, scan = statistics.median(p.millis), exact[p.threshold.left, p.limit]
        rows.append((data.name, data.metric, p.threshold.left, p.limit or "none", p.name, p.mode, round(p.recall(), 4),
                     round(millis, 3), round(max(p.millis), 3), round(scan, 3), round(millis / scan, 3), p.plan))
    report.write_csv(bench.csv(f"thresholds_{data.name}_{data.metric}"), header, rows)
    print("\n" + report.table(header[2:], [row[2:] for row in rows]))


def show_choices(bench, data, points):
    """What the planner took beside what it could have taken."""
    timed = {(p.mode, p.threshold.left, p.limit, p.filter, p.btree): p for p in points}
    header = ("set", "metric", "rows_left", "limit", "filter", "btree", "index_ms", "exact_ms", "planner_ms", "planner_to_best", "plan")
    rows = []
    for p in points:
        if p.mode == "planner":
            at = (p.threshold.left, p.limit, p.filter)
            through, exact, taken = (statistics.median(timed[key].millis) for key in
                                     (("index", *at, False), ("exact", *at, p.btree), ("planner", *at, p.btree)))
            rows.append((data.name, data.metric, p.threshold.left, p.limit or "none", p.filter, "yes" if p.btree else "no", round(through, 3),
                         round(exact, 3), round(taken, 3), round(taken / min(through, exact), 2), p.plan))
    report.write_csv(bench.csv(f"thresholds_choices_{data.name}_{data.metric}"), header, rows)
    print("\n" + report.table(header[2:], [row[2:] for row in rows]))
