"""Inserts (rate, WAL, growth of the index) and VACUUM after deleting a tenth."""
import time

import numpy as np

from vqlab import datasets, load, measure, report

ROWS = 100_000             # in the table when its index is built
INSERTED = 5_000           # by the one statement that is timed
GENERATED_ROWS = 50_000    # of the 768-dimensional set, which is here for the WAL
GENERATED_INSERTED = 4_000
YARDSTICK = "hnsw"


def run(bench, data):
    rows = min(ROWS, int(len(data.base) / 1.11))
    order = np.random.default_rng(2).permutation(len(data.base))[:rows + rows // 10]
    inserted = min(INSERTED, rows // 20)
    measured = measure_all(bench, data.base[order], data.metric, rows, inserted, "vacuum" in bench.only)
    show(bench, data.name, measured, rows)


def run_generated(bench, dims):
    rows = min(GENERATED_ROWS, bench.args.rows or GENERATED_ROWS)
    data = datasets.generated(rows + rows // 10, dims)
    measured = measure_all(bench, data.base, data.metric, rows, min(GENERATED_INSERTED, rows // 12), False)
    show(bench, data.name, measured, rows)


def measure_all(bench, vectors, metric, rows, inserted, vacuum):
    """A line for each index, and first one of the table without any."""
    measured = []
    bare = {}
    for extension in {index.extension for index in bench.indexes}:
        load.load_table(bench.connections[extension], "pool", vectors)
        bare[extension] = one(bench.connections[extension], None, metric, rows, inserted, vacuum)
    measured.append(("none", bare[next(iter(bare))]))
    for index in bench.indexes:
        bench.say(f"writes with {index.name}")
        figures = one(bench.connection(index), index, metric, rows, inserted, vacuum)
        figures["index_wal"] = figures["wal"] - bare[index.extension]["wal"]
        measured.append((index.name, figures))
    return measured


def one(connection, index, metric, rows, inserted, vacuum):
    """1 % of the rows inserted, then the timed statement, then up to 10 %, then a tenth deleted."""
    connection.execute("DROP TABLE IF EXISTS writes")
    connection.execute("CREATE TABLE writes (LIKE pool INCLUDING ALL)")
    connection.execute(f"INSERT INTO writes SELECT * FROM pool WHERE id < {rows}")
    connection.execute("VACUUM (ANALYZE) writes")
    if index:
        measure.build_index(connection, index, "writes", metric, rows, "writes_index")
    figures = {"size": size(connection, index)}
    insert(connection, rows, rows // 100)
    figures["size_1"] = size(connection, index)
    before = measure.wal_position(connection)
    figures["seconds"] = insert(connection, rows + rows // 100, inserted)
    figures["wal"] = float(measure.wal_position(connection) - before) / inserted
    figures["rate"] = inserted / figures["seconds"]
    insert(connection, rows + rows // 100 + inserted, rows // 10 - rows // 100 - inserted)
    figures["size_10"] = size(connection, index)
    if vacuum:
        figures["vacuum"], figures["vacuum_wal"] = delete_and_vacuum(connection)
    connection.execute("DROP TABLE writes")
    return figures


def size(connection, index):
    return measure.size_mb(connection, "writes_index") if index else None


def insert(connection, first, count):
    start = time.monotonic()
    connection.execute(f"INSERT INTO writes SELECT * FROM pool WHERE id >= {first} AND id < {first + count}")
    return time.monotonic() - start


def delete_and_vacuum(connection):
    connection.execute("DELETE FROM writes WHERE id % 10 = 3")
    before = measure.wal_position(connection)
    start = time.monotonic()
    connection.execute("VACUUM (INDEX_CLEANUP on) writes")
    return time.monotonic() - start, float(measure.wal_position(connection) - before) / 1e6


def show(bench, name, measured, rows):
    keys = ("seconds", "rate", "wal", "index_wal", "size", "size_1", "size_10", "vacuum", "vacuum_wal")
    report.write_csv(bench.csv(f"writes_{name}"), ("index", *keys),
                     [(index, *(figures.get(key) for key in keys)) for index, figures in measured])
    base = dict(measured).get(YARDSTICK)
    header = ("index", "insert s", "rows/s", "rows/s / hnsw", "WAL B/row", "of it index", "growth at 1 %", "at 10 %",
              "VACUUM s", "VACUUM WAL MB")
    print(f"\n{rows:,} rows indexed, then inserts; growth = index growth over the rows' share\n")
    print(report.table(header, [line(index, figures, base) for index, figures in measured]))


def line(name, f, base):
    def number(key, digits):
        return f"{f[key]:,.{digits}f}" if f.get(key) is not None else ""

    def growth(key, share):
        return f"{(f[key] / f['size'] - 1) / share:.2f}" if f["size"] else ""
    return (name, number("seconds", 2), number("rate", 0), f"{f['rate'] / base['rate']:.1f}" if base else "",
            number("wal", 0), number("index_wal", 0), growth("size_1", 0.01), growth("size_10", 0.1),
            number("vacuum", 2), number("vacuum_wal", 1))
