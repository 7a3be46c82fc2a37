"""Queries a second of one client and of many, each index at the first setting of its sweep that reaches a recall, with the indexes taking turns."""
from sections.query import YARDSTICKS, first_point
from vqlab import measure, report

CLIENTS = (1, 2, 8, 32)
TARGET = 0.95


def run(bench, data):
    """After query.prepare."""
    points = {}
    for index in bench.indexes:
        bench.say(f"recall of {index.name}")
        points[index.name] = first_point(bench, data, index, TARGET)
    speeds = {(name, clients): [] for name in points for clients in CLIENTS}
    for number in range(bench.args.rounds):
        bench.say(f"clients, round {number + 1} of {bench.args.rounds}")
        for clients in CLIENTS:
            for name, point in points.items():
                speeds[name, clients].append(rate(bench, data, point, clients))
    show(bench, data, points, speeds)


def rate(bench, data, point, clients):
    measure.show_only(bench.connection(point.index), "items", point.index.name)
    sql = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    return measure.pgbench(bench.server, point.index.extension, sql, len(data.queries), bench.args.seconds, point.settings, clients).qps


def show(bench, data, points, speeds):
    report.write_csv(bench.csv(f"clients_{data.name}"), ("index", "value", "recall", "clients", "round", "qps"),
                     [(name, points[name].value, points[name].recall, clients, number, qps)
                      for (name, clients), rounds in speeds.items() for number, qps in enumerate(rounds)])
    yardsticks = [name for name in YARDSTICKS if name in points]
    rows = [(f"{name} {points[name].value}", f"{points[name].recall:.4f}", clients, report.spread(rounds),
             *(report.spread([mine / other for mine, other in zip(rounds, speeds[yardstick, clients])], 2) for yardstick in yardsticks))
            for (name, clients), rounds in speeds.items()]
    print("\n" + report.table(("index", f"recall@{bench.args.k}", "clients", "queries/s min/median/max", *(f"ratio to {name}" for name in yardsticks)), rows))
