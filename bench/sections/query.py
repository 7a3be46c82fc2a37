"""Build time, size, and queries a second against recall, with the indexes taking turns."""
import math
import statistics

from vqlab import load, measure, report

TARGETS = (0.95, 0.98)
ENOUGH = 0.999      # a sweep ends here: beyond, settings only get slower
YARDSTICKS = ("hnsw", "vchordrq")  # ratios are against them, where they are measured


def prepare(bench, data):
    """Tables and indexes, once in each extension's database, and the build table."""
    for extension in {index.extension for index in bench.indexes}:
        bench.say(f"loading {data.name} for {extension}")
        load.load_table(bench.connections[extension], "items", data.base)
        load.load_table(bench.connections[extension], "queries", data.queries, primary_key=True)
    built = []
    for index in bench.indexes:
        bench.say(f"building {index.name}")
        seconds = measure.build_index(bench.connection(index), index, "items", data.metric, len(data.base), index.name)
        built.append((index.name, seconds, measure.size_mb(bench.connection(index), index.name)))
    show_build(bench, data, built)


def show_build(bench, data, built):
    report.write_csv(bench.csv(f"build_{data.name}"), ("index", "seconds", "mb"), built)
    bases = [base for base in built if base[0] in YARDSTICKS]
    vectors = data.base.shape[0] * data.dims * 4 / 1e6
    rows = [(name, f"{seconds:.1f}", f"{size:.1f}", f"1/{vectors / size:.1f}",
             *(f"{mine / base:.3f}" for _, *their in bases for mine, base in zip((seconds, size), their)))
            for name, seconds, size in built]
    ratios = [f"{what} / {name}" for name, *_ in bases for what in ("build", "MB")]
    print("\n" + report.table(("index", "build s", "MB", "of the vectors", *ratios), rows))


class Point:
    """One setting of one index; value None = as shipped."""

    def __init__(self, index, value, recall, planned):
        self.index, self.value, self.recall, self.planned = index, value, recall, planned
        self.speeds = []

    @property
    def settings(self):
        return {**self.index.at(self.value), "enable_seqscan": "off"}

    def row(self):
        qps = [speed.qps for speed in self.speeds]
        label = "default" if self.value is None else self.value
        return (f"{self.index.name} {self.index.knob.split('.')[1]} {label}", f"{self.recall:.4f}",
                report.spread(qps), f"{statistics.median(s.p50_ms for s in self.speeds):.2f}",
                f"{statistics.median(s.p99_ms for s in self.speeds):.2f}", "yes" if self.planned else "no")


def sweep(bench, data, index, enough=ENOUGH):
    """Points in order of the knob, the default first, until recall is high enough."""
    connection = bench.connection(index)
    measure.show_only(connection, "items", index.name)
    points = []
    for value in (*((None,) if index.as_shipped else ()), *index.sweep):
        measure.apply_settings(connection, index.at(value))
        planned = measure.plan_uses(connection, "items", data.metric, bench.args.k, index.name)
        found = measure.found_ids(connection, "items", data.metric, bench.args.k, len(data.queries), index.name)
        points.append(Point(index, value, measure.recall(data, found, bench.args.k), planned))
        if value is not None and points[-1].recall >= enough:
            break
    measure.apply_settings(connection, {})
    return points


def first_point(bench, data, index, target):
    """The first point of the sweep that reaches a recall, else its last."""
    return sweep(bench, data, index, target)[-1]


def run(bench, data):
    sweeps = {}
    for index in bench.indexes:
        bench.say(f"recall of {index.name}")
        sweeps[index.name] = sweep(bench, data, index)
    floors = []
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}")
        floors.append(floor(bench, data))
        one_round(bench, data, sweeps)
    show_points(bench, data, sweeps, floors)
    show_targets(bench, data, sweeps)


def floor(bench, data):
    """What the server takes to look up the query vector alone: no index can be faster."""
    extension = bench.indexes[0].extension
    return measure.pgbench(bench.server, extension, "SELECT embedding FROM queries WHERE id = :query",
                           len(data.queries), bench.args.seconds).qps


def one_round(bench, data, sweeps):
    """The first point of every index, then the second of every index, and so on: a slow minute hits all alike."""
    sql = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    for place in range(max(map(len, sweeps.values()))):
        for points in sweeps.values():
            if place >= len(points):
                continue
            point = points[place]
            measure.show_only(bench.connection(point.index), "items", point.index.name)
            point.speeds.append(measure.pgbench(bench.server, point.index.extension, sql, len(data.queries),
                                                bench.args.seconds, point.settings))


def show_points(bench, data, sweeps, floors):
    points = [point for points in sweeps.values() for point in points]
    report.write_csv(bench.csv(f"query_{data.name}"),
                     ("index", "knob", "value", "recall", "round", "qps", "p50_ms", "p99_ms"),
                     [(p.index.name, p.index.knob, p.value, p.recall, number, s.qps, s.p50_ms, s.p99_ms)
                      for p in points for number, s in enumerate(p.speeds)])
    print("\n" + report.table(("index", f"recall@{bench.args.k}", "queries/s min/median/max", "p50 ms", "p99 ms",
                               "planner takes it"), [point.row() for point in points]))
    print(f"query vector by primary key alone: {report.spread(floors)} /s")


def rate_on(curve, target):
    """(queries/s at a recall, whether the curve begins above it). curve: (recall, queries/s) of settings. Between two
    settings: linear in recall, logarithmic in rate. None where the curve does not get there."""
    curve = sorted(curve)
    best = [(recall, max(qps for _, qps in curve[i:])) for i, (recall, _) in enumerate(curve)]
    if not best or best[-1][0] < target:
        return None, False
    if best[0][0] >= target:
        return best[0][1], True
    upper = next(i for i, (recall, _) in enumerate(best) if recall >= target)
    (low, slow), (high, fast) = best[upper - 1], best[upper]
    share = (target - low) / (high - low)
    return math.exp(math.log(slow) * (1 - share) + math.log(fast) * share), False


def rate_at(points, number, target):
    """rate_on for one round of a sweep, the default left out."""
    return rate_on([(p.recall, p.speeds[number].qps) for p in points if p.value is not None], target)


def ratio_to(points, rates, target):
    """Of rates, one a round, to another index's in the same round; empty where that does not get there."""
    others = [rate_at(points, number, target)[0] for number in range(len(rates))]
    return report.spread([rate / other for (rate, _), other in zip(rates, others)], 2) if others[0] else ""


def show_targets(bench, data, sweeps):
    rows = []
    yardsticks = [name for name in YARDSTICKS if name in sweeps]
    for target in TARGETS:
        for name, points in sweeps.items():
            rates = [rate_at(points, number, target) for number in range(bench.args.rounds)]
            if rates[0][0] is None:
                rows.append((f"{name} at {target}", "not reached", *("" for _ in yardsticks), ""))
                continue
            mark = " (its sweep begins higher)" if rates[0][1] else ""
            ratios = [ratio_to(sweeps[yardstick], rates, target) for yardstick in yardsticks]
            default = next((f"{p.recall:.4f}" for p in points if p.value is None), "none")
            rows.append((f"{name} at {target}{mark}", report.spread([rate for rate, _ in rates]), *ratios,
                         default))
    header = ("index at recall", "queries/s min/median/max", *(f"ratio to {name}" for name in yardsticks), "recall as shipped")
    report.write_csv(bench.csv(f"targets_{data.name}"), header, rows)
    print("\n" + report.table(header, rows))
