"""Whether a row costs the same in an INSERT of 100 rows and in one of 50,000: batches of several sizes in turns, into one
indexed table, beside the same batches into a table without the index.

The index is built on the first rows of the set. Every batch is deleted and vacuumed away again, so that each one meets the
same index; rows inserted and not yet vacuumed away are those of one batch.
"""
import statistics
import time

from vqlab import load, measure, report

SIZES = (100, 300, 1000, 3000, 10_000, 50_000)
INDEXED = 60_000        # rows, or half of a smaller set
TIMED_ROWS = 3000       # small batches repeat within a round until they are as many rows
FLAT = 0.2              # the claim: a row costs the same within this share


def run(bench, data):
    indexed = min(INDEXED, len(data.base) // 2)
    sizes = [size for size in SIZES if size <= len(data.base) - indexed]
    for extension in {index.extension for index in bench.indexes}:
        load.load_table(bench.connections[extension], "pool", data.base, primary_key=True)
    lines, summary = [], []
    for index in bench.indexes:
        bench.say(f"batches into {index.name}")
        costs = one(bench, index, data, indexed, sizes)
        lines += [(index.name, size, *spreads(costs[size])) for size in sizes]
        summary.append((index.name, *flatness(costs, sizes)))
    header = ("index", "rows a batch", "us a row, all", "without index", "of it index")
    report.write_csv(bench.csv(f"batches_{data.name}"), header, lines)
    print(f"\n{indexed:,} rows indexed, then batches; min/median/max of {bench.args.rounds} rounds\n")
    print(report.table(header, lines))
    header = ("index", "dearest batch size / cheapest", "of it index", f"index flat within {FLAT:.0%}")
    print("\n" + report.table(header, summary))


def one(bench, index, data, indexed, sizes):
    """{rows a batch: [(us a row with the index, and without) of each round]}"""
    connection = bench.connection(index)
    for table in ("batches", "bare"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
        connection.execute(f"CREATE TABLE {table} (LIKE pool INCLUDING STORAGE)")
        connection.execute(f"INSERT INTO {table} SELECT * FROM pool WHERE id < {indexed}")
        connection.execute(f"VACUUM (ANALYZE) {table}")
    measure.build_index(connection, index, "batches", data.metric, indexed, "batches_index")
    costs = {size: [] for size in sizes}
    for number in range(bench.args.rounds):
        for size in sizes if number % 2 == 0 else reversed(sizes):    # none is always after the same one
            costs[size].append([batch(connection, table, indexed, size, len(data.base)) for table in
                                ("batches", "bare")])
    for table in ("batches", "bare"):
        connection.execute(f"DROP TABLE {table}")
    return costs


def batch(connection, table, indexed, size, rows):
    """us a row. Batches take different rows as long as there are any."""
    times = max(1, min(TIMED_ROWS, rows - indexed) // size)
    seconds = 0
    connection.execute(f"INSERT INTO {table} SELECT * FROM pool WHERE id = {indexed}")    # fills the caches
    for first in range(indexed, indexed + times * size, size):
        start = time.monotonic()
        connection.execute(f"INSERT INTO {table} SELECT * FROM pool WHERE id >= {first} AND id < {first + size}")
        seconds += time.monotonic() - start
    connection.execute(f"DELETE FROM {table} WHERE id >= {indexed}")
    connection.execute(f"VACUUM (INDEX_CLEANUP on) {table}")
    return 1e6 * seconds / (times * size)


def spreads(costs):
    whole, bare = zip(*costs)
    return (report.spread(whole, 1), report.spread(bare, 1),
            report.spread([with_index - without for with_index, without in costs], 1))


def flatness(costs, sizes):
    """Of the medians."""
    def spread(part):
        medians = [statistics.median(map(part, costs[size])) for size in sizes]
        return max(medians) / min(medians)
    whole, index = spread(lambda cost: cost[0]), spread(lambda cost: cost[0] - cost[1])
    return f"{whole:.2f}", f"{index:.2f}", "yes" if index <= 1 + FLAT else "no"
