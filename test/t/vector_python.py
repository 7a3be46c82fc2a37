"""pgvector's Python driver against our types: psycopg 3, text and binary, ORDER BY, COPY BINARY.

Argument: a connection string. Prints one line a finished check; an exception ends it.
"""

import sys

import numpy as np
import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector


def as_array(value):
    """The driver returns numpy arrays for vector up to 0.4, Vector objects from 0.5 on, HalfVector always."""
    return np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value, dtype=np.float32)


def check(name, expected, actual):
    np.testing.assert_array_equal(expected, actual, err_msg=name)
    print(name, flush=True)


def check_type(conn, typename, adapt, rows):
    """`adapt` makes what the driver sends as this type of a row, whose numbers the type can hold."""
    query = rows[17] + np.float32(0.01)
    conn.execute(f"CREATE TABLE items (id int PRIMARY KEY, embedding {typename}(33))")

    for name, placeholder, binary in (("text", "%t", False), ("binary", "%b", True)):
        cursor = conn.execute(f"SELECT {placeholder}::{typename}", (adapt(rows[0]),), binary=binary)
        check(f"{typename}: {name} round trip", rows[0], as_array(cursor.fetchone()[0]))

    with conn.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", typename])
        for i, row in enumerate(rows):
            copy.write_row((i, adapt(row)))
    select = "SELECT embedding FROM items ORDER BY id"
    with conn.cursor().copy(f"COPY ({select}) TO STDOUT WITH (FORMAT BINARY)") as copy:
        copy.set_types([typename])
        check(f"{typename}: COPY BINARY both ways", rows, np.stack([as_array(row[0]) for row in copy.rows()]))

    distances = ((rows - query) ** 2).sum(axis=1)
    for binary in (False, True):
        nearest = "SELECT id FROM items ORDER BY embedding <-> %s LIMIT 10"
        found = conn.execute(nearest, (adapt(query),), binary=binary)
        check(f"{typename}: nearest ten, binary={binary}", np.argsort(distances)[:10], [row[0] for row in found])

    try:
        conn.execute("INSERT INTO items VALUES (99, %b)", (adapt(rows[0][:3]),))
    except psycopg.errors.DataException as error:
        message = error.diag.message_primary
        check(f"{typename}: wrong dimensions are refused", "expected 33 dimensions, not 3", message)
    conn.execute("DROP TABLE items")


def main(conninfo):
    rows = np.random.default_rng(7).standard_normal((50, 33)).astype(np.float32)
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector_quant")
        register_vector(conn)
        check_type(conn, "vector", lambda row: row, rows)
        check_type(conn, "halfvec", HalfVector, rows.astype(np.float16).astype(np.float32))


main(sys.argv[1])
