"""Memory of a backend: over many queries, over rescans in one statement, and for a growing LIMIT."""
import numpy as np

from vqlab import load, measure, report

SAMPLES = 10
RESCANS = 1000
LIMITS = (10, 1000, 10_000)
OURS = "vector_quant"


def run(bench, data):
    ours = [i for i in bench.indexes if i.extension == OURS] if not bench.args.indexes else bench.indexes
    rows = []
    for index in ours:
        bench.say(f"memory of {index.name}")
        measure.show_only(bench.connection(index), "items", index.name)
        rows += [(index.name, *row) for part in (over_queries, over_rescans, over_limits)
                 for row in part(bench, data, index)]
    if rows:
        header = ("index", "what", "private kB", "contexts kB")
        report.write_csv(bench.csv(f"memory_{data.name}"), header, rows)
        print("\n" + report.table(header, rows))


def session(bench, index):
    connection = bench.server.connect(index.extension)
    measure.apply_settings(connection, {**index.settings, "enable_seqscan": "off"})
    return connection


def now(connection):
    return measure.backend_kb(connection), measure.contexts_kb(connection)


def over_queries(bench, data, index):
    """Sampled after equal parts; the first sample comes after the first part, when caches are filled."""
    sql = measure.nearest_sql("items", data.metric, bench.args.k, "%s")
    picks = np.random.default_rng(3).integers(0, len(data.queries), bench.args.executions).tolist()
    part = max(1, len(picks) // SAMPLES)
    with session(bench, index) as connection:
        for start in range(0, len(picks), part):
            for query in picks[start:start + part]:
                connection.execute(sql, [query], prepare=True)
            yield (f"{min(start + part, len(picks)):,} queries", *now(connection))


def over_rescans(bench, data, index):
    lateral = ("SELECT count(*) FROM (SELECT embedding FROM queries, generate_series(1, %s) LIMIT %s) q "
               f"CROSS JOIN LATERAL (SELECT id FROM items ORDER BY embedding {load.OPERATORS[data.metric]} q.embedding "
               f"LIMIT {bench.args.k}) near")
    with session(bench, index) as connection:
        for rescans in (RESCANS // 10, RESCANS, RESCANS):
            connection.execute(lateral, [1 + rescans // len(data.queries), rescans])
            yield (f"{rescans:,} rescans in one join", *now(connection))


def over_limits(bench, data, index):
    for limit in LIMITS:
        with session(bench, index) as connection:
            sql = measure.nearest_sql("items", data.metric, limit, "0")
            connection.execute(f"SELECT count(*) FROM ({sql}) s")
            yield (f"LIMIT {limit:,}, fresh session", *now(connection))
