"""An index that was long in use beside the same one built on the same rows now: in turns, at equal recall and as shipped."""
import statistics
from dataclasses import dataclass, replace

from sections import query
from vqlab import measure, report, upkeep

KNOB = "vector_quant.target_recall"
SWEEP = (0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
HEADER = ("index", "what", "in use", "fresh", "in use / fresh")


class Point(query.Point):
    def __init__(self, index, value, recall, planned, codes, compared):
        super().__init__(index, value, recall, planned)
        self.codes = codes          # that a query reads
        self.compared = compared    # rows of the table that it compares exactly
        self.micros = []            # of the backend's CPU, a query, one a round


@dataclass
class Side:
    index: object
    points: list
    mb: float
    free_mb: float    # of them

    @property
    def shipped(self):
        return self.points[0]

    def rates(self, rounds, target):
        return [query.rate_at(self.points, number, target)[0] for number in range(rounds)]

    def micros(self, number, target):
        """As rates, of one round."""
        rate, _ = query.rate_on([(point.recall, 1 / point.micros[number]) for point in self.points if point.value is not None], target)
        return rate and 1 / rate

    def work(self, what, target):
        """As rates, of counts that are the same in every round."""
        rate, _ = query.rate_on([(point.recall, 1 / getattr(point, what)) for point in self.points if point.value is not None], target)
        return rate and 1 / rate


def compare(bench, data, index):
    """Lines of HEADER, and those of all points. The table is `items`, whose only index is the one in use."""
    connection = bench.connection(index)
    used = replace(index, knob=KNOB, sweep=SWEEP)
    fresh = replace(used, name=f"{index.name}_fresh")
    bench.say(f"building {fresh.name}")
    measure.build_index(connection, fresh, "items", data.metric, len(data.base), fresh.name)
    sides = [side_of(bench, data, each) for each in (used, fresh)]
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}")
        turns = sides if number % 2 == 0 else sides[::-1]
        query.one_round(bench, data, {side.index.name: side.points for side in turns})
        for points in zip(*(side.points for side in turns)):
            for point in points:
                point.micros.append(micros_of(bench, data, point))
    measure.show_only(connection, "items", used.name)
    connection.execute(f"DROP INDEX {fresh.name}")
    return list(lines_of(bench, index.name, *sides)), [
        (side.index.name, point.value, round(point.recall, 4), round(point.codes, 1), round(point.compared, 1), number, speed.qps, speed.p50_ms, speed.p99_ms)
        for side in sides for point in side.points for number, speed in enumerate(point.speeds)]


def micros_of(bench, data, point):
    connection = bench.connection(point.index)
    measure.show_only(connection, "items", point.index.name)
    measure.apply_settings(connection, point.settings)
    measure.found_ids(connection, "items", data.metric, bench.args.k, 50, point.index.name)    # warm
    return measure.cpu_micros(connection, "items", data, bench.args.k, point.index.name)


def side_of(bench, data, index):
    bench.say(f"recall of {index.name}")
    connection = bench.connection(index)
    measure.show_only(connection, "items", index.name)
    points = [point_of(bench, data, connection, index, value) for value in (None, *index.sweep)]
    measure.apply_settings(connection, {})
    free, = upkeep.stats(connection, index.name, "free_bytes")
    return Side(index, points, measure.size_mb(connection, index.name), free / 1e6)


def point_of(bench, data, connection, index, value):
    measure.apply_settings(connection, index.at(value))
    planned = measure.plan_uses(connection, "items", data.metric, bench.args.k, index.name)
    found, scans = measure.found_ids_and_scans(connection, "items", data.metric, bench.args.k, len(data.queries), index.name)
    codes, _, compared = (statistics.mean(counts) for counts in zip(*scans))
    return Point(index, value, measure.recall(data, found, bench.args.k), planned, codes, compared)


def lines_of(bench, name, used, fresh):
    sides = used, fresh
    for target in query.TARGETS:
        yield (name, f"queries/s at {target}", *spreads(*(side.rates(bench.args.rounds, target) for side in sides), 0))
        yield (name, f"server's us at {target}", *spreads(*([side.micros(number, target) for number in range(bench.args.rounds)] for side in sides), 0))
        yield (name, f"codes at {target}", *spreads(*([side.work("codes", target)] for side in sides), 0))
        yield (name, f"rows compared at {target}", *spreads(*([side.work("compared", target)] for side in sides), 0))
    yield (name, "queries/s as shipped", *spreads(*([speed.qps for speed in side.shipped.speeds] for side in sides), 0))
    yield (name, "codes as shipped", *spreads(*([side.shipped.codes] for side in sides), 0))
    yield (name, "rows compared as shipped", *spreads(*([side.shipped.compared] for side in sides), 0))
    yield (name, "recall as shipped", *spreads(*([side.shipped.recall] for side in sides), 4))
    yield (name, "MB", *spreads([used.mb], [fresh.mb], 2))
    yield (name, "of them free", *spreads([used.free_mb], [fresh.free_mb], 2)[:2], "")


def spreads(used, fresh, digits):
    """min/median/max of rounds, where there are more than one."""
    def spread(values, digits):
        if None in values:
            return "not reached"
        return report.spread(values, digits) if len(values) > 1 else f"{values[0]:.{digits}f}"
    known = None not in used and None not in fresh and all(fresh)
    return spread(used, digits), spread(fresh, digits), spread([a / b for a, b in zip(used, fresh)], 3) if known else ""


def show(bench, data, part, lines, points):
    report.write_csv(bench.csv(f"upkeep_{part}_{data.name}"), HEADER, lines)
    report.write_csv(bench.csv(f"upkeep_{part}_points_{data.name}"),
                     ("index", KNOB, "recall", "codes", "compared", "round", "qps", "p50_ms", "p99_ms"), points)
    print("\n" + report.table(HEADER, lines))
