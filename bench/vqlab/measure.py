"""Recall, speed, sizes and memory of one index. All of it goes through ordinary SQL."""
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .neighbours import distances
from .load import OPERATORS

TIE = 1e-5    # relative: float4 arithmetic may order rows otherwise that are this close


def build_index(connection, index, table, metric, rows, name):
    """Seconds of CREATE INDEX."""
    sql = index.create_sql(table, metric, rows, name)
    start = time.monotonic()
    connection.execute(sql)
    return time.monotonic() - start


def size_mb(connection, relation):
    return connection.execute("SELECT pg_relation_size(%s::text::regclass)", [relation]).fetchone()[0] / 1e6


def show_only(connection, table, *names):
    """Hides the other indexes of the table from the planner, so that each vector index is measured alone on one table.
    A primary key stays."""
    connection.execute("""
        UPDATE pg_index SET indisvalid = NOT indisvalid
        WHERE indrelid = %s::text::regclass AND NOT indisprimary
          AND indisvalid <> (indexrelid::regclass::text = ANY(%s::text[]))""", [table, list(names)])


def nearest_sql(table, metric, k, query="$1"):
    """The k nearest ids to a row of the table `queries`."""
    return (f"SELECT id FROM {table} ORDER BY embedding {OPERATORS[metric]} "
            f"(SELECT embedding FROM queries WHERE id = {query}) LIMIT {k}")


def apply_settings(connection, settings):
    connection.execute("RESET ALL")
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")


def plan_uses(connection, table, metric, k, name):
    """Whether the planner takes the index by itself."""
    plan = connection.execute("EXPLAIN (COSTS OFF) " + nearest_sql(table, metric, k, "0")).fetchall()
    return any(re.search(rf"using {name}\b", line) for line, in plan)


def found_ids(connection, table, metric, k, count, name):
    """The ids the named index gives for every query."""
    return list(each_found(connection, table, metric, k, count, name))


def each_found(connection, table, metric, k, count, name):
    """The ids the named index gives for one query after the other. A cached plan knows nothing of a changed setting or of
    what show_only did, so plans are made afresh."""
    connection.execute("DISCARD PLANS")
    connection.execute("SET enable_seqscan = off")
    if not plan_uses(connection, table, metric, k, name):
        raise RuntimeError(f"the planner does not use {name} even with enable_seqscan = off")
    sql = nearest_sql(table, metric, k, "%s")
    for query in range(count):
        yield [row[0] for row in connection.execute(sql, [query], prepare=True)]


def found_ids_and_scans(connection, table, metric, k, count, name):
    """The ids the named index gives for every query, and (codes, lists, reranked) of each one's scan."""
    found, scans = [], []
    for ids in each_found(connection, table, metric, k, count, name):
        found.append(ids)
        scans.append(connection.execute("SELECT codes, lists, reranked FROM vector_quant_last_scan()").fetchone())
    return found, scans


def cpu_micros(connection, table, data, k, name):
    """The backend's own time of a query through the named index, by all of the set's queries: other work on the machine disturbs it less than rates."""
    before = cpu_seconds(connection)
    found_ids(connection, table, data.metric, k, len(data.queries), name)
    return (cpu_seconds(connection) - before) / len(data.queries) * 1e6


def recall(data, found, k):
    """Share of the true k nearest. A row at the distance of the k-th counts whatever its id: sets have duplicates."""
    hits, k = 0, min(k, len(data.base))
    for query, truth, ids in zip(data.queries, data.truth, found):
        worst = distances(data.base, truth[k - 1:k], query, data.metric)[0]
        ids = list(dict.fromkeys(ids))[:k]
        hits += (distances(data.base, ids, query, data.metric) <= worst + TIE * abs(worst) + 1e-9).sum()
    return hits / (k * len(found))


@dataclass
class Speed:
    qps: float
    p50_ms: float
    p99_ms: float


def pgbench_command(server, database, script, seconds, folder, clients=1):
    """Prepared statements. The script and a log of every statement lie in the folder."""
    file = Path(folder) / "script.sql"
    file.write_text(script, encoding="utf-8")
    return [server.bin / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, os.cpu_count())), "-T", str(seconds), "-f", file, "-h", server.socket,
            "-U", server.user, "--random-seed=1", "-l", "--log-prefix", f"{folder}/log", database]


def pgbench_environment(settings):
    return {**os.environ, "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in (settings or {}).items())}


def query_script(sql, queries):
    """A random query id each time."""
    return f"\\set query random(0, {queries - 1})\n{sql};\n"


def pgbench(server, database, sql, queries, seconds, settings=None, clients=1):
    with tempfile.TemporaryDirectory(prefix="vq-pgbench-") as folder:
        done = subprocess.run(pgbench_command(server, database, query_script(sql, queries), seconds, folder, clients),
                              env=pgbench_environment(settings), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError("pgbench failed:\n" + done.stderr[-2000:])
        micros = np.concatenate([np.loadtxt(log, usecols=2, ndmin=1) for log in Path(folder).glob("log.*")])
    qps = float(re.search(r"tps = ([0-9.]+)", done.stdout)[1])
    return Speed(qps, *(float(np.percentile(micros, p)) / 1000 for p in (50, 99)))


def wal_position(connection):
    return connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn").fetchone()[0]


def cpu_seconds(connection):
    """Of the connection's backend."""
    return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9


def private_kb(pid):
    """Memory of a process that is its own: shared buffers are left out."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1])


def backend_kb(connection):
    """Of the connection's backend."""
    return private_kb(connection.info.backend_pid)


def contexts_kb(connection):
    return int(connection.execute("SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts").fetchone()[0])
