"""A table that holds the newest rows only, of a set whose rows move through the space: twenty times the oldest tenth is deleted, as many
new rows are inserted, and the table is vacuumed. At the end the index is measured beside one built then.

The rows come in the order of their place along the set's main direction, so after ten steps none lies where one lay at the build. Some
of them, spread evenly over that order, are left out of the table: those among the window's rows are its queries.
"""
import statistics
import time
from dataclasses import dataclass

import numpy as np

from sections import upkeep_fresh
from vqlab import load, measure, report, upkeep
from vqlab.datasets import Dataset
from vqlab.neighbours import exact_neighbours

STEPS = 20
TENTHS = 10       # of the window
MEASURED = 5      # after how many steps again
DIRECTION_OF = 20_000    # rows


@dataclass
class Moving:
    """The rows of a set as they come. A window is named by the first of its rows."""
    data: Dataset
    stored: np.ndarray     # id is the row number
    held: np.ndarray       # queries
    place: np.ndarray      # of each query among the stored rows
    tenth: int

    @property
    def window(self):
        return TENTHS * self.tenth

    def at(self, first, k):
        """The set whose rows are the window's; ids are those of all rows."""
        last = first + self.window
        queries = self.held[(self.place >= first) & (self.place < last)]
        truth = exact_neighbours(self.stored[first:last], queries, self.data.metric, max(k, 10)) + first
        return Dataset(self.data.name, self.data.metric, self.stored, queries, truth)


def moving(data, queries):
    ordered = data.base[np.argsort(data.base @ main_direction(data.base), kind="stable")]
    window = len(ordered) * TENTHS // (STEPS + TENTHS)
    left_out = np.zeros(len(ordered), bool)
    left_out[::max(window // queries, 2)] = True
    stored = np.ascontiguousarray(ordered[~left_out])
    return Moving(data, stored, np.ascontiguousarray(ordered[left_out]), np.cumsum(~left_out)[left_out], len(stored) // (STEPS + TENTHS))


def main_direction(rows):
    """That of the greatest variance."""
    some = rows[np.random.default_rng(4).permutation(len(rows))[:DIRECTION_OF]]
    return np.linalg.eigh(np.cov(some, rowvar=False))[1][:, -1].astype(np.float32)


def run(bench, data, connection, indexes):
    rows = moving(data, bench.args.queries)
    load.load_table(connection, "pool", rows.stored, primary_key=True)
    path, steps, lines, points = [], [], [], []
    for index in indexes:
        bench.say(f"{index.name} under a window of {rows.window:,} rows")
        path += list(moved(bench, rows, connection, index, steps))
        last = rows.at(STEPS * rows.tenth, bench.args.k)
        compared = upkeep_fresh.compare(bench, last, index)
        lines += compared[0]
        points += compared[1]
    header = ("index", "step", f"recall@{bench.args.k}", "queries/s min/median/max", "codes", "MB", "MB free", "lists", "crowding", "drift",
              "VACUUM s, longest", "trained anew")
    report.write_csv(bench.csv(f"upkeep_window_path_{data.name}"), header, path)
    print(f"\nA window of {rows.window:,} rows that moves on by a tenth each step, as shipped\n")
    print(report.table(header, path))
    header = ("index", "trained anew in step", "took s", "rows", "lists", "because")
    report.write_csv(bench.csv(f"upkeep_window_runs_{data.name}"), header, steps)
    print("\n" + report.table(header, steps))
    upkeep_fresh.show(bench, data, "window", lines, points)


def moved(bench, rows, connection, index, steps):
    """A line for each measured step. steps: gets one for each time the index was trained anew."""
    connection.execute("DROP TABLE IF EXISTS items")
    connection.execute("CREATE TABLE items (LIKE pool INCLUDING STORAGE)")
    connection.execute(f"INSERT INTO items SELECT * FROM pool WHERE id < {rows.window}")
    connection.execute("VACUUM (ANALYZE) items")
    measure.build_index(connection, index, "items", rows.data.metric, rows.window, index.name)
    yield measured(bench, rows, connection, index, 0, [0], [])
    seconds, runs = [], []
    for step in range(1, STEPS + 1):
        log = upkeep.Log(bench.server)
        seconds.append(move_on(connection, step * rows.tenth, rows))
        runs += log.runs()
        steps += [(run.index, step, run.seconds, run.rows, run.lists, run.because) for run in log.runs()]
        if step % MEASURED == 0:
            bench.say(f"step {step} of {STEPS}")
            yield measured(bench, rows, connection, index, step, seconds, runs)
            seconds, runs = [], []


def move_on(connection, first, rows):
    """Seconds of VACUUM."""
    connection.execute(f"DELETE FROM items WHERE id < {first}")
    last = first + rows.window
    connection.execute(f"INSERT INTO items SELECT * FROM pool WHERE id >= {last - rows.tenth} AND id < {last}")
    start = time.monotonic()
    connection.execute("VACUUM items")
    return time.monotonic() - start


def measured(bench, rows, connection, index, step, seconds, runs):
    data = rows.at(step * rows.tenth, bench.args.k)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    measure.apply_settings(connection, index.settings)
    found, scans = measure.found_ids_and_scans(connection, "items", data.metric, bench.args.k, len(data.queries), index.name)
    measure.apply_settings(connection, {})
    sql = measure.nearest_sql("items", data.metric, bench.args.k, ":query")
    rates = [measure.pgbench(bench.server, index.extension, sql, len(data.queries), bench.args.seconds,
                             {**index.settings, "enable_seqscan": "off"}).qps for _ in range(bench.args.rounds)]
    free, lists, crowding, drift = upkeep.stats(connection, index.name, "free_bytes", "lists", "crowding", "drift")
    return (index.name, step, f"{measure.recall(data, found, bench.args.k):.4f}", report.spread(rates),
            f"{statistics.mean(codes for codes, _, _ in scans):,.0f}", f"{measure.size_mb(connection, index.name):.2f}", f"{free / 1e6:.2f}",
            lists, f"{crowding:.2f}", f"{drift:.2f}", f"{max(seconds):.2f}", len(runs))
