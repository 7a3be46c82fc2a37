"""How much of what was asked for is found, however many rows a query takes and whatever WHERE leaves: recall, codes compared,
time, and rows that strict order left out, for every recall target, LIMIT and filter; pgvector's hnsw in strict order beside it.

An index does not know LIMIT: the first ten rows of a query that takes a thousand are those of LIMIT 10. So one cursor serves all
limits: rows are fetched up to each in turn, and what the scan did so far is noted there.
"""
import statistics
import time
from dataclasses import dataclass, field

from sections.depth_filters import distances_sql, prepare, with_truth
from vqlab import measure, report
from vqlab.datasets import Dataset

TARGETS = (0.90, 0.95, 0.98, 0.99)
LIMITS = (1, 10, 100, 1000)
SHOWN = 0.95          # the target that codes, time and dropped rows are shown for
SLACK = 0.01          # recall may be this much below what was asked for
QUERIES = 200         # a point and limit, fewer where they are slow:
LONGEST, FEWEST = 1.2, 25    # seconds for a limit, beyond the limit before it; queries whatever they take
QUICK = {"targets": (0.90, 0.99), "filters": ("none", "0.1", "0.01", "far 1/10"), "queries": 20}
FORCE = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}
STATS = "SELECT codes, dropped FROM vector_quant_last_scan()"


@dataclass
class Cell:
    """One LIMIT of a point: a figure for each query."""
    recalls: list = field(default_factory=list)
    given: list = field(default_factory=list)
    wanted: list = field(default_factory=list)
    millis: list = field(default_factory=list)
    spent: float = 0    # ms, beyond the limit before it
    codes: list = field(default_factory=list)      # ours only
    dropped: list = field(default_factory=list)    # ours only

    @property
    def got(self):
        return statistics.mean(self.recalls)

    @property
    def full(self):
        """No more queries."""
        return len(self.recalls) >= FEWEST and self.spent > 1000 * LONGEST

    @property
    def error(self):
        """Standard error of `got`."""
        return statistics.pstdev(self.recalls) / len(self.recalls) ** 0.5


@dataclass
class Point:
    index: object
    filter: object
    target: float    # None: the index knows no target
    cells: dict      # by LIMIT

    @property
    def settings(self):
        own = {} if self.target is None else {"vector_quant.target_recall": self.target}
        return {**self.index.settings, **FORCE, f"{self.index.method}.iterative_scan": "strict_order", **own}

    @property
    def rows(self):
        """That the filter leaves, a query, of those that were measured."""
        return statistics.mean(self.filter.rows[:len(self.cells[LIMITS[0]].recalls)])

    def below(self):
        """The cells that miss the target."""
        return [(limit, cell) for limit, cell in self.cells.items() if self.target and cell.got < self.target - SLACK]


def run(bench, data):
    quick = bench.args.quick
    count = min(QUICK["queries"] if quick else QUERIES, len(data.queries))
    data = Dataset(data.name, data.metric, data.base, data.queries[:count])
    chosen = [index for index in bench.indexes if index.extension == "vector_quant" or index.method == "hnsw"]
    extensions = list(dict.fromkeys(index.extension for index in chosen))
    bench.say(f"loading {data.name}")
    filters = prepare([bench.connections[extension] for extension in extensions], data)
    if quick:
        filters = [pair for pair in filters if pair[0] in QUICK["filters"]]
    bench.say("exact answers")
    filters = list(with_truth(bench.connections[extensions[0]], data, filters, LIMITS[-1]))
    for index in chosen:
        bench.say(f"building {index.name}")
        measure.build_index(bench.connection(index), index, "depth", data.metric, len(data.base), index.name)
    points = []
    for index in chosen:
        targets = (QUICK["targets"] if quick else TARGETS) if index.extension == "vector_quant" else (None,)
        for each in filters:
            bench.say(f"{index.name}, {each.label}")
            for target in targets:
                points.append(Point(index, each, target, {limit: Cell() for limit in LIMITS}))
                measure_point(bench.connection(index), data, points[-1])
                say_below(bench, points[-1])
    show(bench, data, points)


def say_below(bench, point):
    for limit, cell in point.below():
        bench.say(f"below: {point.index.name}, {point.filter.label}, LIMIT {limit}: asked {point.target}, got {cell.got:.4f}, "
                  f"standard error {cell.error:.4f}, {len(cell.recalls)} queries")


def measure_point(connection, data, point):
    measure.show_only(connection, "depth", point.index.name)
    measure.apply_settings(connection, point.settings)
    plan = connection.execute("EXPLAIN " + distances_sql(data.metric, point.filter.wheres[0], 0)).fetchall()
    if not any(f"using {point.index.name} on depth" in line for line, in plan):
        raise RuntimeError(f"the planner does not use {point.index.name}")
    for query, where in enumerate(point.filter.wheres):
        with connection.transaction():
            one_query(connection, distances_sql(data.metric, where, query), query, point)
    measure.apply_settings(connection, {})


def one_query(connection, sql, query, point):
    truth, found, millis = point.filter.truth[query], [], 0
    start = time.perf_counter()
    connection.execute(f"DECLARE nearest NO SCROLL CURSOR FOR {sql}")
    for before, (limit, cell) in zip((0, *LIMITS), point.cells.items()):
        if cell.full:
            return
        found += [row[0] for row in connection.execute(f"FETCH {limit - before} FROM nearest")]
        taken = 1000 * (time.perf_counter() - start)
        millis += taken
        cell.spent += taken
        if point.target is not None:
            codes, dropped = connection.execute(STATS).fetchone()
            cell.codes.append(codes)
            cell.dropped.append(dropped)
        wanted = min(limit, len(truth))
        worst = truth[wanted - 1]
        cell.recalls.append(sum(distance <= worst + measure.TIE * abs(worst) + 1e-9 for distance in found[:wanted]) / wanted)
        cell.given.append(len(found))
        cell.wanted.append(wanted)
        cell.millis.append(millis)
        start = time.perf_counter()


def show(bench, data, points):
    header = ("set", "index", "filter", "rows", "limit", "asked", "got", "standard_error", "queries", "wanted", "given", "codes",
              "dropped", "median_ms")
    report.write_csv(bench.csv(f"depth_{data.name}"), header, [
        (data.name, p.index.name, p.filter.label, round(p.rows), limit, p.target, round(cell.got, 4), round(cell.error, 4),
         len(cell.recalls), round(statistics.mean(cell.wanted), 1), round(statistics.mean(cell.given), 1), *figures(cell))
        for p in points for limit, cell in p.cells.items()])
    grouped = {}
    for point in points:
        grouped.setdefault((point.index.name, point.filter.label), []).append(point)
    limits = [f"LIMIT {limit:,}" for limit in LIMITS]
    targets = list(dict.fromkeys(p.target for p in points if p.target))
    asked = "/".join(without_zero(target, 2) for target in targets)
    print(f"\nRecall at target {asked}; ? is more than {SLACK} below it, ! by over two standard errors more:\n")
    print(report.table(("index", "WHERE leaves", "rows", *limits), [
        (*key, f"{same[0].rows:,.0f}", *("/".join(marked(p, limit) for p in same) for limit in LIMITS))
        for key, same in grouped.items()]))
    shown = min(targets, key=lambda target: abs(target - SHOWN), default=None)
    print(f"\nAt target {shown}: codes compared, median ms, rows dropped a query; hnsw: ms alone:\n")
    print(report.table(("index", "WHERE leaves", *limits), [
        (p.index.name, p.filter.label, *(" / ".join(effort(cell)) for cell in p.cells.values()))
        for p in points if p.target in (shown, None)]))
    print(f"\nWhere fewer rows exist than LIMIT: share of them given at target {asked}:\n")
    print(report.table(("index", "WHERE leaves", "LIMIT", "exist", "given"), [
        (*key, f"{limit:,}", f"{mean(same, limit, 'wanted')[0]:.1f}",
         "/".join(without_zero(given / wanted) for wanted, given in zip(mean(same, limit, "wanted"), mean(same, limit, "given"))))
        for key, same in grouped.items() for limit in LIMITS if mean(same, limit, "wanted")[0] < limit]))


def figures(cell):
    """Codes, dropped rows, median milliseconds."""
    return (*(round(statistics.mean(values), 2) if values else "" for values in (cell.codes, cell.dropped)),
            round(statistics.median(cell.millis), 3))


def effort(cell):
    codes, dropped, millis = figures(cell)
    time_text = f"{millis:.1f}"
    return (f"{codes:,.0f}", time_text, f"{dropped:.1f}") if cell.codes else (time_text,)


def mean(points, limit, name):
    return [statistics.mean(getattr(point.cells[limit], name)) for point in points]


def without_zero(value, digits=3):
    return f"{value:.{digits}f}".removeprefix("0")


def marked(point, limit):
    cell = point.cells[limit]
    text = without_zero(cell.got)
    if limit not in dict(point.below()):
        return text
    return text + ("!" if cell.got + 2 * cell.error < point.target - SLACK else "?")
