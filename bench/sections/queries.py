"""What a recall target gives for queries of another kind than the rows, before and after vector_quant_calibrate: some of the set's
queries calibrate, others, as many as there are, are the test.
"""
from dataclasses import dataclass, replace

from sections.query import prepare, rate_on
from vqlab import measure, report

EXTENSION = "vector_quant"
TARGETS = (0.8, 0.9, 0.95, 0.97, 0.98, 0.99)
ASKED = (0.90, 0.95, 0.98)
CALIBRATING = 200
TESTING = 300


@dataclass
class Point:
    index: str
    state: str    # before, after, or rebuilt
    target: float
    recall: float
    codes: float
    lists: float
    ms: float     # of the whole test through one connection, a query: CPU of the backend


def run(bench, data):
    if len(data.queries) < CALIBRATING + 50:
        raise SystemExit(f"queries: {data.name} has only {len(data.queries)} queries")
    ours = [index for index in bench.indexes if index.extension == EXTENSION]
    prepare(replace(bench, indexes=ours), data)
    points = [point for index in ours for point in measure_index(bench, data, index)]
    show(bench, data, points)


def measure_index(bench, data, index):
    connection = bench.connection(index)
    measure.show_only(connection, "items", index.name)
    points = sweep(bench, data, index, "before")
    bench.say(f"calibrating {index.name}")
    measure.apply_settings(connection, {"vector_quant.target_recall": 0.95})
    print("\n" + report.table(
        ("sampled", "target", "recall before", "recall", "codes before", "codes"),
        [connection.execute(f"SELECT * FROM vector_quant_calibrate('{index.name}', ARRAY(SELECT embedding FROM queries "
                            f"WHERE id < {CALIBRATING}))").fetchone()]))
    points += sweep(bench, data, index, "after")
    bench.say(f"rebuilding {index.name}")
    connection.execute(f"REINDEX INDEX {index.name}")
    return points + sweep(bench, data, index, "rebuilt", ASKED)


def sweep(bench, data, index, state, targets=TARGETS):
    bench.say(f"recall of {index.name}, {state}")
    return [measured(bench, data, index, state, target) for target in targets]


def measured(bench, data, index, state, target):
    connection = bench.connection(index)
    measure.apply_settings(connection, {**index.settings, "vector_quant.target_recall": target})
    last = min(len(data.queries), CALIBRATING + TESTING)
    before = measure.cpu_seconds(connection)
    found, scans = measure.found_ids_and_scans(connection, "items", data.metric, bench.args.k, last, index.name)
    ms = 1000 * (measure.cpu_seconds(connection) - before) / last
    tested = replace(data, queries=data.queries[CALIBRATING:last], truth=data.truth[CALIBRATING:last])
    scans = scans[CALIBRATING:]
    return Point(index.name, state, target, measure.recall(tested, found[CALIBRATING:], bench.args.k),
                 sum(codes for codes, _, _ in scans) / len(scans), sum(lists for _, lists, _ in scans) / len(scans), ms)


def show(bench, data, points):
    report.write_csv(bench.csv(f"queries_{data.name}"), ("index", "state", "asked", "got", "codes", "lists", "cpu_ms"),
                     [(p.index, p.state, p.target, f"{p.recall:.4f}", round(p.codes, 1), round(p.lists, 2), f"{p.ms:.3f}")
                      for p in points])
    print("\n" + report.table(("index", "asked", "state", "got", "codes", "lists", "CPU ms"), [
        (p.index, p.target, p.state, f"{p.recall:.4f}", f"{p.codes:,.0f}", f"{p.lists:.1f}", f"{p.ms:.2f}")
        for p in sorted(points, key=lambda p: (p.index, p.target)) if p.target in ASKED]))
    print("\nCodes at equal recall:\n")
    print(report.table(("index", f"recall@{bench.args.k}", "before", "after", "after / before"), [
        row for name in dict.fromkeys(p.index for p in points) for recall in ASKED for row in equal(points, name, recall)]))


def equal(points, name, recall):
    codes = []
    for state in ("before", "after"):
        rate, _ = rate_on([(p.recall, 1 / p.codes) for p in points if (p.index, p.state) == (name, state)], recall)
        if rate is None:
            return [(name, recall, "not reached", "", "")]
        codes.append(1 / rate)
    return [(name, recall, f"{codes[0]:,.0f}", f"{codes[1]:,.0f}", f"{codes[1] / codes[0]:.2f}")]
