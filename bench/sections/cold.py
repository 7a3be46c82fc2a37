"""The first queries of a server that has just been started: little of the data is in its small shared buffers, nothing in the operating system's cache."""
import os
import time
from pathlib import Path

import numpy as np

from vqlab import measure, report

QUERIES = 200
SHARED_BUFFERS = "128MB"


def drop_cache(folder):
    """Files of the data folder leave the operating system's cache; they must be on disk."""
    os.sync()
    for path in Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def restart(bench):
    for connection in bench.connections.values():
        connection.close()
    bench.server.stop()
    drop_cache(bench.server.data)
    bench.server.start()
    for extension in bench.connections:
        bench.connections[extension] = bench.server.connect(extension)


def ask(bench, data, index, offset):
    """Milliseconds of QUERIES different queries, once each."""
    measure.show_only(bench.connection(index), "items", index.name)
    restart(bench)
    connection = bench.connection(index)
    measure.apply_settings(connection, {**index.at(None), "enable_seqscan": "off"})
    if not measure.plan_uses(connection, "items", data.metric, bench.args.k, index.name):
        raise RuntimeError(f"the planner does not use {index.name} even with enable_seqscan = off")
    sql = measure.nearest_sql("items", data.metric, bench.args.k, "%s")
    millis = []
    for query in range(QUERIES):
        start = time.monotonic()
        connection.execute(sql, [(offset + query) % len(data.queries)], prepare=True).fetchall()
        millis.append((time.monotonic() - start) * 1000)
    return np.array(millis)


def run(bench, data):
    """After query.prepare. The server has its usual shared buffers again afterwards."""
    set_buffers(bench, f"'{SHARED_BUFFERS}'")
    times = {index.name: [] for index in bench.indexes}
    for number in range(bench.args.rounds):
        for index in bench.indexes:
            bench.say(f"cold, round {number + 1} of {bench.args.rounds}: {index.name}")
            times[index.name].append(ask(bench, data, index, number * QUERIES))
    set_buffers(bench, "DEFAULT")
    restart(bench)
    report.write_csv(bench.csv(f"cold_{data.name}"), ("index", "round", "query", "ms"),
                     [(name, number, query, ms) for name, rounds in times.items()
                      for number, millis in enumerate(rounds) for query, ms in enumerate(millis)])
    rows = [(name, *(report.spread([np.percentile(millis, p) for millis in rounds], 2) for p in (50, 90)),
             report.spread([millis[0] for millis in rounds], 1)) for name, rounds in times.items()]
    print(f"\n{QUERIES} queries once each after a restart with {SHARED_BUFFERS} of shared buffers and an empty cache\n")
    print(report.table(("index", "median ms min/median/max", "90th percentile ms", "first query ms"), rows))


def set_buffers(bench, value):
    connection = next(iter(bench.connections.values()))
    connection.execute(f"ALTER SYSTEM SET shared_buffers = {value}")
