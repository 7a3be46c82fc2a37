"""An index on an empty table, which rows then come into, a thousand a statement, with autovacuum as shipped. A minute after the last of
them it is measured beside one that is built on them all."""
import time

from sections import upkeep_fresh
from vqlab import load, measure, report, upkeep

BATCH = 1000    # rows
WAIT = 60       # seconds


def run(bench, data, connection, indexes):
    bench.say(f"loading {data.name}")
    load.load_table(connection, "pool", data.base, primary_key=True)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    fills, steps, lines, points = [], [], [], []
    for index in indexes:
        bench.say(f"{index.name} on an empty table")
        fill, runs = filled(bench, data, connection, index)
        fills.append(fill)
        steps += runs
        compared = upkeep_fresh.compare(bench, data, index)
        lines += compared[0]
        points += compared[1]
    header = ("index", "rows/s inserted", "slowest batch ms", "rows", "trained on", "lists", "at work after the minute s")
    report.write_csv(bench.csv(f"upkeep_empty_inserts_{data.name}"), header, fills)
    print(f"\nBuilt on an empty table, {len(data.base):,} rows in batches of {BATCH:,}, then a minute\n")
    print(report.table(header, fills))
    header = ("index", "trained anew, s after the first insert", "after the last", "took s", "rows", "lists", "because")
    report.write_csv(bench.csv(f"upkeep_empty_runs_{data.name}"), header, steps)
    print("\n" + report.table(header, steps))
    upkeep_fresh.show(bench, data, "empty", lines, points)


def filled(bench, data, connection, index):
    """Table `items` with the index: a line about it, and one for each time it was trained anew."""
    connection.execute("DROP TABLE IF EXISTS items")
    connection.execute("CREATE TABLE items (LIKE pool INCLUDING STORAGE)")
    measure.build_index(connection, index, "items", data.metric, len(data.base), index.name)
    log = upkeep.Log(bench.server)
    with upkeep.autovacuum(connection):
        first = time.time()
        batches = insert_all(connection, len(data.base), bench.args.pause)
        last = time.time()
        bench.say(f"inserted in {last - first:.0f} s; waiting a minute")
        time.sleep(WAIT)
        while upkeep.at_work(connection, "items"):
            time.sleep(0.2)
        late = time.time() - last - WAIT
    rows, build_rows, lists = upkeep.stats(connection, index.name, "rows", "build_rows", "lists")
    return ((index.name, f"{len(data.base) / sum(batches):,.0f}", f"{1000 * max(batches):.0f}", rows, build_rows, lists, f"{late:.0f}"),
            [(run.index, f"{run.ended - first:.0f}", f"{run.ended - last:.0f}", run.seconds, run.rows, run.lists, run.because)
             for run in log.runs()])


def insert_all(connection, rows, pause):
    """Seconds of each batch."""
    seconds = []
    for start in range(0, rows, BATCH):
        before = time.monotonic()
        connection.execute(f"INSERT INTO items SELECT * FROM pool WHERE id >= {start} AND id < {start + BATCH}")
        seconds.append(time.monotonic() - before)
        time.sleep(pause)
    return seconds
