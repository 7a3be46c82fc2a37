"""The conditions of the section `depth`, the table that has their columns, and the nearest rows that meet them."""
from dataclasses import dataclass

import numpy as np

from vqlab import load
from vqlab.neighbours import unit

SHARES = (0.5, 0.1, 0.01, 0.001)    # of the rows, drawn by lot
PARTS = (10, 100)                   # clusters that the rows are divided into: shares of about .1 and .01
DRAWN, ROUNDS = 10_000, 6           # rows that clusters are made from, rounds of k-means


@dataclass
class Filter:
    label: str
    wheres: list    # a condition for each query
    rows: list      # that it leaves, for each query
    truth: list     # for each query, the operator's distances of the nearest of those rows, ascending


def kmeans(vectors, count, random):
    """Centres of so many clusters: Lloyd's rounds, by squared L2."""
    centres = vectors[random.choice(len(vectors), count, replace=False)]
    for _ in range(ROUNDS):
        nearest = distances(vectors, centres).argmin(axis=1)
        centres = np.stack([vectors[nearest == i].mean(axis=0) if (nearest == i).any() else centres[i] for i in range(count)])
    return centres


def distances(vectors, centres):
    """Squared L2 of every vector to every centre, without the vector's own square."""
    return (centres ** 2).sum(axis=1) - 2 * vectors @ centres.T


def prepare(connections, data):
    """Tables `depth` (id, embedding, lot, part10, part100) and `queries` in every database. lot: the row's place in random order;
    partN: its cluster out of N. Returns the filters as (label, conditions)."""
    random = np.random.default_rng(14)
    base, queries = (unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
    sample = base[random.choice(len(base), min(DRAWN, len(base)), replace=False)]
    columns = {"lot": random.permutation(len(base))}
    count = len(queries)
    filters = [("none", ["true"] * count)]
    filters += [(str(share), [f"lot < {round(share * len(base))}"] * count) for share in SHARES]
    apart = {"near": np.argmin, "far": np.argmax}
    for parts in PARTS:
        centres = kmeans(sample, parts, random)
        columns[f"part{parts}"] = distances(base, centres).argmin(axis=1)
        used = np.unique(columns[f"part{parts}"])
        to_used = distances(queries, centres[used])
        for name, choose in apart.items():
            filters.append((f"{name} 1/{parts}", [f"part{parts} = {used[i]}" for i in choose(to_used, axis=1)]))
    for connection in connections:
        load_columns(connection, data, columns)
    return filters


def load_columns(connection, data, columns):
    load.load_table(connection, "items", data.base, primary_key=True)
    load.load_table(connection, "queries", data.queries, primary_key=True)
    names = ", ".join(columns)
    connection.execute("DROP TABLE IF EXISTS labels, depth")
    connection.execute(f"CREATE TABLE labels (id bigint, {', '.join(f'{name} int' for name in columns)})")
    with connection.cursor() as cursor, cursor.copy(f"COPY labels (id, {names}) FROM STDIN") as copy:
        for row in zip(range(len(data.base)), *(column.tolist() for column in columns.values())):
            copy.write_row(row)
    connection.execute(f"CREATE TABLE depth AS SELECT id, embedding, {names} FROM items JOIN labels USING (id) ORDER BY id")
    connection.execute("DROP TABLE items, labels")
    connection.execute("VACUUM (ANALYZE, FREEZE) depth")


def distances_sql(metric, where, query):
    """Distances of the rows that meet the condition to a query, ascending; without a LIMIT."""
    return (f"SELECT embedding {load.OPERATORS[metric]} (SELECT embedding FROM queries WHERE id = {query}) AS distance "
            f"FROM depth WHERE {where} ORDER BY distance")


def with_truth(connection, data, filters, limit):
    """The filters with their exact answers, by a scan of the whole table: before there is an index on it."""
    connection.execute("DROP TABLE IF EXISTS truth")
    connection.execute("CREATE TABLE truth (filter text, query int, rows bigint, distances float8[])")
    for label, wheres in filters:
        counted = {where: connection.execute(f"SELECT count(*) FROM depth WHERE {where}").fetchone()[0] for where in set(wheres)}
        for query, where in enumerate(wheres):
            connection.execute(f"""
                INSERT INTO truth SELECT %s, %s, %s, array_agg(distance ORDER BY distance)
                FROM ({distances_sql(data.metric, where, query)} LIMIT {limit}) nearest""", [label, query, counted[where]])
        found = connection.execute("SELECT rows, distances FROM truth WHERE filter = %s ORDER BY query", [label]).fetchall()
        rows, truth = zip(*found)
        yield Filter(label, wheres, rows, [np.array(values) for values in truth])
