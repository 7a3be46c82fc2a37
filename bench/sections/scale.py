"""What more rows cost: builds, phase by phase, with their memory, and queries at equal recall; between one set and the next the exponent of cost
against rows. Sets are measured in the order they are named."""
import math
import statistics
from dataclasses import dataclass, field, replace

from sections import target
from sections.query import TARGETS, rate_on
from vqlab import load, measure, report, watch

ASKED = (0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99)    # targets; their recall is measured


@dataclass
class Size:
    index: object
    rows: int
    phases: list
    mb: float
    costs: list = field(default_factory=list)    # a round: {recall: CPU us a query at it, or None}
    points: list = field(default_factory=list)   # of the first round

    @property
    def seconds(self):
        return sum(phase.seconds for phase in self.phases)

    def cost(self, recall):
        """us, of each round that gets there"""
        return [costs[recall] for costs in self.costs if costs[recall]]


def run(bench, data):
    ours = [index for index in bench.indexes if index.extension == target.EXTENSION]
    mine = replace(bench, indexes=ours)
    connection = bench.connections[target.EXTENSION]
    bench.say(f"loading {data.name}")
    load.load_table(connection, "items", data.base)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    sizes = [built(mine, data, index) for index in ours]
    for number in range(bench.args.rounds):
        bench.say(f"round {number + 1} of {bench.args.rounds}")
        for size in sizes:
            ask(mine, data, size)
    show_set(bench, data, sizes)
    bench.sizes.extend(sizes)


def built(bench, data, index):
    bench.say(f"building {index.name}")
    connection = bench.connection(index)
    with watch.Watch(bench.server, index.extension) as seen:
        measure.build_index(connection, index, "items", data.metric, len(data.base), index.name)
    return Size(index, len(data.base), list(seen.phases.values()), measure.size_mb(connection, index.name))


def ask(bench, data, size):
    points = [target.measured(bench, data, size.index, "target", value) for value in ASKED]
    curve = [(point.recall, 1 / point.micros) for point in points]
    rates = {recall: rate_on(curve, recall)[0] for recall in TARGETS}
    size.costs.append({recall: 1 / rate if rate else None for recall, rate in rates.items()})
    size.points = size.points or points


def show_set(bench, data, sizes):
    report.write_csv(bench.csv(f"phases_{data.name}"), ("index", "phase", "seconds", "mb"),
                     [(size.index.name, phase.name, phase.seconds, phase.mb) for size in sizes for phase in size.phases])
    report.write_csv(bench.csv(f"scale_{data.name}"), ("index", "recall", "round", "cpu_us"),
                     [(size.index.name, recall, number, cost) for size in sizes for number, costs in enumerate(size.costs)
                      for recall, cost in costs.items()])
    print("\n" + report.table(("index and phase", "seconds", "MB at most"),
                              [row for size in sizes for row in
                               [*((f"{size.index.name}: {p.name.removeprefix('building index: ')}", f"{p.seconds:.1f}", f"{p.mb:.0f}") for p in size.phases),
                                (f"{size.index.name}: all; the index {size.mb:.0f} MB", f"{size.seconds:.1f}", f"{max(p.mb for p in size.phases):.0f}")]]))
    print("\n" + report.table(("index and target", "recall", "CPU us", "lists", "rows looked at", "rows reranked"),
                              [(f"{size.index.name} {p.value}", f"{p.recall:.4f}", f"{p.micros:.0f}", f"{p.lists:.1f}", f"{p.codes:,.0f}", f"{p.reranked:.0f}")
                               for size in sizes for p in size.points]))


def show(bench):
    """All sets that were measured, when the last has been."""
    rows = []
    for index in bench.indexes:
        sizes = [size for size in bench.sizes if size.index is index]
        for before, size in zip([None, *sizes], sizes):
            for recall in TARGETS:
                cost = size.cost(recall)
                rows.append((f"{index.name} at {recall}", f"{size.rows:,}", report.spread(cost) if cost else "not reached", exponent(before, size, recall)))
    report.write_csv(bench.csv("scale"), ("index", "rows", "us", "exponent"), rows)
    print("\n" + report.table(("index at recall", "rows", "CPU us a query min/median/max", "exponent from the set before"), rows))


def exponent(before, size, recall):
    if before is None or before.rows == size.rows or not before.cost(recall) or not size.cost(recall):
        return ""
    more = statistics.median(size.cost(recall)) / statistics.median(before.cost(recall))
    return f"{math.log(more) / math.log(size.rows / before.rows):.2f}"
