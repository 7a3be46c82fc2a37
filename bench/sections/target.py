"""What vector_quant.target_recall saves: rows looked at and queries a second against recall, for a number of lists that is
the same for every query (nprobe) and for targets, on the same index, the points of all sweeps in turns.

nprobe is swept as a user sets it, with the error bound as shipped; a target narrows the bound too, so rows reranked are told
beside those looked at by their codes.
"""
import statistics
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from sections.query import prepare, rate_on
from vqlab import measure, report

EXTENSION = "vector_quant"
SETTING = "vector_quant.target_recall"
PROBES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
TARGETS = (0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
COMPARED = (0.90, 0.95, 0.98)
ENOUGH = 0.997    # the fixed sweep ends here


@dataclass
class Point:
    index: object
    mode: str       # fixed or target
    value: float    # nprobe, or the target
    recall: float
    codes: float    # rows looked at by their codes, a query
    lists: float
    reranked: float
    micros: float   # of the backend's CPU, a query: less disturbed by other work on the machine than queries a second
    speeds: list = field(default_factory=list)

    @property
    def settings(self):
        return {**settings_of(self.index, self.mode, self.value), "enable_seqscan": "off"}

    @property
    def qps(self):
        return statistics.median(self.speeds)


def settings_of(index, mode, value):
    return index.at(value) if mode == "fixed" else {**index.settings, SETTING: value}


def run(bench, data):
    ours = [index for index in bench.indexes if index.extension == EXTENSION]
    if not ours:
        raise SystemExit(f"target: measures {EXTENSION}; none of its indexes is among those named")
    if not bench.only & {"query", "build", "memory"}:
        prepare(replace(bench, indexes=ours), data)
    points = [point for index in ours for point in sweep(bench, data, index)]
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}")
        for point in points:
            time_point(bench, data, point)
    show(bench, data, ours, points)


def sweep(bench, data, index):
    bench.say(f"recall of {index.name}")
    fixed = []
    for value in PROBES:
        fixed.append(measured(bench, data, index, "fixed", value))
        if fixed[-1].recall >= ENOUGH:
            break
    targets = [measured(bench, data, index, "target", value) for value in TARGETS]
    measure.apply_settings(bench.connection(index), {})
    return [point for pair in zip_longest(fixed, targets) for point in pair if point]    # in turns


def measured(bench, data, index, mode, value):
    connection = bench.connection(index)
    measure.show_only(connection, "items", index.name)
    measure.apply_settings(connection, settings_of(index, mode, value))
    found, scans = measure.found_ids_and_scans(connection, "items", data.metric, bench.args.k, len(data.queries), index.name)
    micros = measure.cpu_micros(connection, "items", data, bench.args.k, index.name)
    recall = measure.recall(data, found, bench.args.k)
    codes, lists, reranked = (statistics.mean(column) for column in zip(*scans))
    return Point(index, mode, value, recall, codes, lists, reranked, micros)


def time_point(bench, data, point):
    measure.show_only(bench.connection(point.index), "items", point.index.name)
    sql = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    point.speeds.append(measure.pgbench(bench.server, EXTENSION, sql, len(data.queries), bench.args.seconds,
                                        point.settings).qps)


def show(bench, data, ours, points):
    report.write_csv(bench.csv(f"target_{data.name}"),
                     ("index", "mode", "setting", "recall", "codes", "lists", "qps", "reranked", "cpu_us"),
                     [(p.index.name, p.mode, p.value, f"{p.recall:.4f}", round(p.codes, 1), round(p.lists, 2),
                       round(p.qps, 1), round(p.reranked, 1), round(p.micros, 1)) for p in points])
    header = ("index", f"recall@{bench.args.k}", "rows looked at", "lists", "rows reranked", "CPU us", "queries/s min/median/max")
    print("\n" + report.table(header, [
        (f"{p.index.name} {p.mode} {p.value}", f"{p.recall:.4f}", f"{p.codes:,.0f}", f"{p.lists:.1f}", f"{p.reranked:.1f}",
         f"{p.micros:.0f}", report.spread(p.speeds)) for index in ours for mode in ("fixed", "target") for p in points
        if (p.index, p.mode) == (index, mode)]))
    rows = [comparison(index, [p for p in points if p.index is index], recall) for index in ours for recall in COMPARED]
    header = (f"index at recall@{bench.args.k}", "rows looked at: fixed", "target", "target / fixed", "CPU us: fixed", "target",
              "target / fixed", "queries/s: fixed", "target", "target / fixed")
    report.write_csv(bench.csv(f"target_at_{data.name}"), header, rows)
    print("\n" + report.table(header, rows))


def comparison(index, points, recall):
    """Both sweeps at one recall, between two points where none has just that."""
    cells = []
    for figure, digits in ((lambda p: 1 / p.codes, None), (lambda p: 1 / p.micros, None), (lambda p: p.qps, 0)):
        fixed, target = (rate_on([(p.recall, figure(p)) for p in points if p.mode == mode], recall)[0]
                         for mode in ("fixed", "target"))
        if fixed is None or target is None:
            cells += ["not reached", "", ""]
        elif digits is None:
            cells += [f"{1 / fixed:,.0f}", f"{1 / target:,.0f}", f"{fixed / target:.2f}"]
        else:
            cells += [f"{fixed:.0f}", f"{target:.0f}", f"{target / fixed:.2f}"]
    return (f"{index.name} at {recall}", *cells)
