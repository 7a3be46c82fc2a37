"""Indexes that are trained anew while they are in use: one that was built without rows, one whose rows move on, and what inserts and
queries notice while it happens. --parts chooses."""
from sections import upkeep_empty, upkeep_window, upkeep_writes
from vqlab import upkeep

EXTENSION = "vector_quant"
PARTS = {"empty": upkeep_empty.run, "window": upkeep_window.run, "writes": upkeep_writes.run}


def run(bench, data):
    ours = [index for index in bench.indexes if index.extension == EXTENSION]
    parts = bench.args.parts.split(",")
    if not ours or set(parts) - set(PARTS):
        raise SystemExit(f"upkeep: measures {EXTENSION}, in the parts {', '.join(PARTS)}")
    connection = bench.connections[EXTENSION]
    with upkeep.timed_log(connection):
        for part in parts:
            log = upkeep.Log(bench.server)
            PARTS[part](bench, data, connection, ours)
            connection.execute("DROP TABLE IF EXISTS items, pool, queries")
            for line in log.wrong():
                print(f"log of the server: {line}")
