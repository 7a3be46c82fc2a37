"""What a client notices while another connection trains the index anew: rows inserted a second, a thousand a statement or one, and the
latency of queries, each alone beside the training, against some seconds before it and after it."""
import statistics
import time
from collections import defaultdict
from dataclasses import dataclass

from vqlab import load, measure, report
from vqlab.client import Client

AROUND = 3           # seconds before the training, and after it: inserts add to the rows that it reads
WARM_UP = 0.5
BATCH = 1000         # rows
PHASES = ("before", "during", "after")
MANY_ROWS = 1_000_000  # from here on an index may have to grow fourfold: with the rows that are inserted it may pass two million


@dataclass(frozen=True)
class Work:
    name: str
    size: int      # rows or queries in a statement
    script: str    # as pgbench has it


def run(bench, data, connection, indexes):
    bench.say(f"loading {data.name}")
    load.load_table(connection, "pool", data.base, primary_key=True)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    phases, trainings = defaultdict(list), defaultdict(list)
    kinds = works(bench, data)
    for number in range(bench.args.rounds):
        for index in indexes:
            for work in kinds:
                bench.say(f"round {number + 1} of {bench.args.rounds}: {index.name}, {work.name}")
                prepare(connection, data, index)
                measured, training = trained_beside(bench, connection, index, work)
                phases[index.name, work].append(measured)
                trainings[index.name, work].append(training)
    show(bench, data, phases, trainings)


def works(bench, data):
    def insert(size):
        return (f"\\set first random(0, {len(data.base) // size - 1}) * {size}\n\\set last :first + {size}\n"
                "INSERT INTO items SELECT * FROM pool WHERE id >= :first AND id < :last;\n")
    queries = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    return (Work(f"{BATCH:,} rows a statement", BATCH, insert(BATCH)), Work("a row a statement", 1, insert(1)),
            Work("queries", 1, measure.query_script(queries, len(data.queries))))


def prepare(connection, data, index):
    """An index that has outgrown itself."""
    built = len(data.base) // (2 if len(data.base) < MANY_ROWS else 4)
    connection.execute("DROP TABLE IF EXISTS items")
    connection.execute("CREATE TABLE items (LIKE pool INCLUDING STORAGE)")
    connection.execute(f"INSERT INTO items SELECT * FROM pool WHERE id < {built}")
    measure.build_index(connection, index, "items", data.metric, built, index.name)
    connection.execute(f"INSERT INTO items SELECT * FROM pool WHERE id >= {built}")
    connection.execute("ANALYZE items")


def trained_beside(bench, connection, index, work):
    """The phases, and seconds and rows of the training."""
    settings = {**index.settings, "enable_seqscan": "off"}
    with Client(bench.server, index.extension, work.script, connection, settings) as client:
        time.sleep(WARM_UP)
        marks = [time.time()]
        time.sleep(AROUND)
        marks.append(time.time())
        done, rows = connection.execute("SELECT done, rows FROM vector_quant_maintain(%s::text::regclass)", [index.name]).fetchone()
        marks.append(time.time())
        time.sleep(AROUND)
        marks.append(time.time())
    if not done:
        raise RuntimeError(f"{index.name} was not trained anew")
    return [client.phase(start, end) for start, end in zip(marks, marks[1:])], (marks[2] - marks[1], rows)


def show(bench, data, phases, trainings):
    report.write_csv(bench.csv(f"upkeep_writes_{data.name}"),
                     ("index", "client", "round", "phase", "a_second", "p50_ms", "p99_ms", "slowest_ms", "training_s", "rows"),
                     [(index, work.name, number, name, work.size * phase.rate, phase.p50_ms, phase.p99_ms, phase.slowest_ms, *training)
                      for (index, work), rounds in phases.items()
                      for number, (each, training) in enumerate(zip(rounds, trainings[index, work]))
                      for name, phase in zip(PHASES, each)])
    print("\nA client beside vector_quant_maintain(), medians of the rounds; ratios min/median/max\n")
    print(report.table(("index and client", "a second before", "during", "after", "during / before", "during / after",
                        "p50 ms before", "during", "after", "p99 ms before", "during", "after",
                        "slowest ms during", "training s", "rows then"),
                       [line(index, work, rounds, trainings[index, work]) for (index, work), rounds in phases.items()]))


def line(index, work, rounds, trainings):
    def medians(figure, digits, times=1):
        return [f"{times * statistics.median(getattr(each[place], figure) for each in rounds):,.{digits}f}" for place in range(len(PHASES))]
    ratios = [report.spread([each[1].rate / each[place].rate for each in rounds], 2) for place in (0, 2)]
    seconds, rows = (statistics.median(each) for each in zip(*trainings))
    return (f"{index}, {work.name}", *medians("rate", 0, work.size), *ratios, *medians("p50_ms", 2), *medians("p99_ms", 2),
            f"{max(each[1].slowest_ms for each in rounds):.1f}", f"{seconds:.1f}", f"{rows:,.0f}")
