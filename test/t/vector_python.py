"""pgvector's Python driver against our vector type: psycopg 3, text and binary, ORDER BY, COPY BINARY.

Argument: a connection string. Prints one line a finished check; an exception ends it.
"""

import sys

import numpy as np
import psycopg
from pgvector.psycopg import register_vector


def as_array(value):
    """The driver returns numpy arrays up to 0.4, Vector objects from 0.5 on."""
    return np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value, dtype=np.float32)


def check(name, expected, actual):
    np.testing.assert_array_equal(expected, actual, err_msg=name)
    print(name, flush=True)


def main(conninfo):
    rows = np.random.default_rng(7).standard_normal((50, 33)).astype(np.float32)
    query = rows[17] + np.float32(0.01)

    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector_quant")
        register_vector(conn)
        conn.execute("CREATE TABLE items (id int PRIMARY KEY, embedding vector(33))")

        for name, placeholder, binary in (("text", "%t", False), ("binary", "%b", True)):
            back = conn.execute(f"SELECT {placeholder}::vector", (rows[0],), binary=binary).fetchone()[0]
            check(f"{name} round trip", rows[0], as_array(back))

        with conn.cursor().copy("COPY items FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "vector"])
            for i, row in enumerate(rows):
                copy.write_row((i, row))
        select = "SELECT embedding FROM items ORDER BY id"
        with conn.cursor().copy(f"COPY ({select}) TO STDOUT WITH (FORMAT BINARY)") as copy:
            copy.set_types(["vector"])
            check("COPY BINARY both ways", rows, np.stack([as_array(row[0]) for row in copy.rows()]))

        distances = ((rows - query) ** 2).sum(axis=1)
        for binary in (False, True):
            nearest = "SELECT id FROM items ORDER BY embedding <-> %s LIMIT 10"
            found = conn.execute(nearest, (query,), binary=binary)
            check(f"nearest ten, binary={binary}", np.argsort(distances)[:10], [row[0] for row in found])

        try:
            conn.execute("INSERT INTO items VALUES (99, %b)", (rows[0][:3],))
        except psycopg.errors.DataException as error:
            check("wrong dimensions are refused", "expected 33 dimensions, not 3", error.diag.message_primary)


main(sys.argv[1])
