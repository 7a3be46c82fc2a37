"""Where sub-lists pay: wrvq without and with them at several numbers of lists, each at its own best settings for a recall.

Without them, the least nprobe that reaches the recall. With them, the least nprobe for each share of the rows that is
read (wrvq.fuzzy_k), and of those settings the cheapest. These are chosen by CPU time of the backend, which other work on
the machine disturbs least; what is left of all indexes is then timed by pgbench in turns. --quick builds only those
with sub-lists and reads their lists whole (wrvq.fuzzy_k = 1) in place of the others: the same pages, without a look at sub-lists.
"""
import statistics
from dataclasses import dataclass, field, replace

from sections.query import TARGETS
from vqlab import indexes, load, measure, report

LISTS = (100, 344, 1000, None)    # None = as shipped
WHOLE = 1                         # a share that ignores sub-lists
SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
WIDEST = 6        # times the lists that plain ones need: beyond, finding sub-lists costs what they save
CLOSE = 1.05      # settings of nprobe this near to each other are one
CODES_OF = 100    # queries whose scans are counted


@dataclass(frozen=True)
class Cost:
    recall: float
    micros: float    # of the backend's CPU, a query
    codes: float     # rows looked at, a query
    lists: float


@dataclass
class Case:
    """One index as it is used."""
    name: str       # of the index
    lists: int
    layers: int     # of the code that divide a list
    shares: tuple   # to be tried; None = as shipped
    seconds: float = 0
    mb: float = 0
    costs: dict = field(default_factory=dict)    # (nprobe, share) -> Cost
    best: dict = field(default_factory=dict)     # recall -> (nprobe, share)
    speeds: dict = field(default_factory=dict)   # recall -> queries/s of each round


def run(bench, data):
    index = next((index for index in bench.indexes if index.method == "wrvq"), None)
    if index is None:
        raise SystemExit("sublists: measures wrvq; not among the indexes")
    connection = bench.connection(index)
    bench.say(f"loading {data.name}")
    load.load_table(connection, "items", data.base)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    cases = []
    for lists in dict.fromkeys(lists or indexes.our_lists(len(data.base)) for lists in LISTS):
        plain, divided = built(bench, data, connection, index, lists)
        search(bench, data, connection, plain, None)
        search(bench, data, connection, divided, plain)
        cases += [plain, divided]
    for _ in range(bench.args.rounds):
        time_round(bench, data, connection, index, cases)
    show(bench, data, cases)


def built(bench, data, connection, index, lists):
    """Without sub-lists, and with them."""
    divided = build(bench, data, connection, index, Case(f"sublists_{lists}_1", lists, 1, SHARES))
    if bench.args.quick:
        return Case(divided.name, lists, 0, (WHOLE,)), divided
    return build(bench, data, connection, index, Case(f"sublists_{lists}_0", lists, 0, (None,))), divided


def build(bench, data, connection, index, case):
    bench.say(f"building {label(case)}")
    like = replace(index, name=case.name, options=f"nlist = {case.lists}, fuzzy_layers = {case.layers}")
    case.seconds = measure.build_index(connection, like, "items", data.metric, len(data.base), case.name)
    case.mb = measure.size_mb(connection, case.name)
    bench.say(f"built in {case.seconds:.0f} s")
    return case


def search(bench, data, connection, case, plain):
    measure.show_only(connection, "items", case.name)

    def cost(nprobe, share):
        key = (nprobe, share)
        if key not in case.costs:
            case.costs[key] = measured(bench, data, connection, case, settings_of(*key))
        return case.costs[key]

    if case.seconds:
        cost(None, None)
    for target in TARGETS:
        least, most = 1, case.lists
        if plain and target in plain.best:    # a part of as many lists finds no more than all of them
            least = plain.best[target][0]
            most = min(most, WIDEST * least)
        reached = [(nprobe, share) for share in case.shares
                   if (nprobe := least_nprobe(lambda n, share=share: cost(n, share).recall, target, least, most))]
        if reached:
            case.best[target] = min(reached, key=lambda key: case.costs[key].micros)
            bench.say(f"{label(case)} at {target}: nprobe, fuzzy_k {case.best[target]}, {case.costs[case.best[target]]}")


def least_nprobe(recall, target, least, most):
    """From `least` on, within CLOSE; None where even `most` lists are too few. Recall grows with nprobe."""
    low, high = least - 1, least
    while recall(min(high, most)) < target:
        if high >= most:
            return None
        low, high = high, 2 * high
    high = min(high, most)
    while high > max(low + 1, CLOSE * low):
        middle = (low + high + 1) // 2
        low, high = (low, middle) if recall(middle) >= target else (middle, high)
    return high


def settings_of(nprobe, share):
    named = {"wrvq.nprobe": nprobe, "wrvq.fuzzy_k": share}
    return {name: value for name, value in named.items() if value is not None}


def measured(bench, data, connection, case, settings):
    measure.apply_settings(connection, settings)
    before = measure.cpu_seconds(connection)
    found = measure.found_ids(connection, "items", data.metric, bench.args.k, len(data.queries), case.name)
    seconds = measure.cpu_seconds(connection) - before
    sql = measure.nearest_sql("items", data.metric, bench.args.k, "%s")
    scans = []
    for query in range(min(CODES_OF, len(data.queries))):
        connection.execute(sql, [query], prepare=True)
        scans.append(connection.execute("SELECT codes, lists FROM vector_quant_last_scan()").fetchone())
    codes, lists = (statistics.mean(column) for column in zip(*scans))
    return Cost(measure.recall(data, found, bench.args.k), 1e6 * seconds / len(data.queries), codes, lists)


def time_round(bench, data, connection, index, cases):
    sql = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    for target in TARGETS:
        for case in cases:
            if target not in case.best:
                continue
            measure.show_only(connection, "items", case.name)
            speed = measure.pgbench(bench.server, index.extension, sql, len(data.queries), bench.args.seconds,
                                    {**settings_of(*case.best[target]), "enable_seqscan": "off"})
            case.speeds.setdefault(target, []).append(speed.qps)


def show(bench, data, cases):
    rows = len(data.base)
    report.write_csv(bench.csv(f"sublists_{data.name}"),
                     ("lists", "layers", "nprobe", "share", "recall", "cpu_us", "codes", "lists_read"),
                     [(case.lists, case.layers, *key, cost.recall, cost.micros, cost.codes, cost.lists)
                      for case in cases for key, cost in case.costs.items()])
    header = ("index", "rows a list", "build s", "MB", "recall as shipped", "CPU us a query", "rows looked at")
    print("\n" + report.table(header, [
        (label(case), round(rows / case.lists), f"{case.seconds:.0f}", f"{case.mb:.0f}", f"{cost.recall:.4f}",
         f"{cost.micros:.0f}", f"{cost.codes:,.0f}") for case in cases if case.seconds for cost in (case.costs[(None, None)],)]))
    lines = [line(target, case, cases) for target in TARGETS for case in cases]
    header = (f"index at recall@{bench.args.k}", "nprobe", "fuzzy_k", "recall", "rows looked at", "CPU us a query",
              "queries/s min/median/max", "to the same lists without")
    report.write_csv(bench.csv(f"sublists_at_{data.name}"), header, lines)
    print("\n" + report.table(header, lines))


def label(case):
    return f"{case.lists} lists" + (f", {case.layers} layer of sub-lists" if case.layers else "")


def line(target, case, cases):
    if target not in case.best:
        return (f"{label(case)} at {target}", "not reached", *[""] * 6)
    nprobe, share = case.best[target]
    cost, speeds = case.costs[(nprobe, share)], case.speeds[target]
    plain = next(other for other in cases if other.lists == case.lists).speeds.get(target)
    return (f"{label(case)} at {target}", nprobe, share if case.layers else "", f"{cost.recall:.4f}",
            f"{cost.codes:,.0f}", f"{cost.micros:.0f}", report.spread(speeds),
            report.spread([ours / theirs for ours, theirs in zip(speeds, plain)], 2) if plain and case.layers else "")
