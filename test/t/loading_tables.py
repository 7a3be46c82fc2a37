"""tools/load.py into tables: all rows or none. Arguments: a connection string, an empty folder."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from loading_checks import check, refused, same, tool, write_vecs

DSN, folder = sys.argv[1], Path(sys.argv[2])
load = tool("load")
random = np.random.default_rng(3)
ROWS = random.standard_normal((20_000, 6)).astype(np.float32)  # several blocks of PIECE rows
PIECE = 3000
np.save(folder / "a.npy", ROWS)
np.save(folder / "few.npy", ROWS[:5])


def run(file, *words):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        load.main([str(folder / file), "--dsn", DSN, *words])
    return out.getvalue()


def loaded(name, expected, file, *words):
    try:
        check(name, expected in (said := run(file, *words)), said)
    except SystemExit as error:
        check(name, False, error)


def stored(connection, table, column="embedding", key="id"):
    """(ids, vectors) in order of the ids."""
    rows = connection.execute(f"SELECT {key}, {column}::real[] FROM {table} ORDER BY {key}").fetchall()
    return [row[0] for row in rows], np.array([row[1] for row in rows], np.float32)


def is_stored(connection, name, table, rows, first=0, **columns):
    ids, vectors = stored(connection, table, **columns)
    same(f"{name}: ids", np.arange(first, first + len(rows)), ids)
    same(f"{name}: vectors", rows, vectors)


def into_new_tables(connection):
    loaded("a new table", "items: 20,000 rows of 6 dimensions", "a.npy")
    is_stored(connection, "a new table", "items", ROWS)
    made = connection.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = 'embedding'"
    )
    same("its column has the file's dimensions", "vector(6)", made.fetchone()[0])
    same(
        "its id is the primary key",
        ["id"],
        [
            row[0]
            for row in connection.execute(
                "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = 'items'::regclass AND indisprimary"
            )
        ],
    )
    same(
        "and it is analysed",
        20_000,
        connection.execute("SELECT reltuples::int FROM pg_class WHERE oid = 'items'::regclass").fetchone()[0],
    )
    connection.execute('CREATE SCHEMA "Other one"')
    loaded(
        "names in quotes, a schema, other columns",
        "20 rows",
        "a.npy",
        "--table",
        '"Other one"."My items"',
        "--column",
        '"V v"',
        "--id-column",
        "Key",
        "--rows",
        "20",
        "--first-id",
        "-7",
    )
    is_stored(connection, "names in quotes", '"Other one"."My items"', ROWS[:20], -7, column='"V v"', key="key")
    loaded("halfvec", "rows", "a.npy", "--table", "halves", "--type", "halfvec")
    is_stored(connection, "halfvec", "halves", ROWS.astype(np.float16).astype(np.float32))


def into_existing_tables(connection):
    connection.execute("CREATE TABLE there (note text DEFAULT 'x', embedding vector(6), id bigint PRIMARY KEY)")
    loaded("a table with other columns", "5 rows", "few.npy", "--table", "there")
    loaded("more rows", "5 rows", "few.npy", "--table", "there", "--first-id", "5", "--type", "vector")
    is_stored(connection, "both", "there", np.concatenate([ROWS[:5], ROWS[:5]]))
    connection.execute("CREATE TABLE wide (id bigint, embedding halfvec)")
    loaded("a column of any dimensions", "5 rows", "few.npy", "--table", "wide")
    is_stored(connection, "a column of any dimensions", "wide", ROWS[:5].astype(np.float16).astype(np.float32))
    connection.execute(
        "CREATE TABLE indexed (id bigint, embedding vector(6)); CREATE INDEX ON indexed USING ivf_rabitq (embedding vector_l2_ops)"
    )
    loaded("a table with an index", "5 rows", "few.npy", "--table", "indexed")
    connection.execute("SET enable_seqscan = off")
    near = connection.execute(
        "SELECT id FROM indexed ORDER BY embedding <-> (SELECT embedding FROM indexed WHERE id = 3) LIMIT 1"
    ).fetchone()
    same("which finds them", 3, near[0])


def wrong_tables(connection):
    for table, columns in (
        ("five", "id bigint, embedding vector(5)"),
        ("number", "id integer, embedding vector(6)"),
        ("text", "id bigint, embedding text"),
        ("other", "id bigint, v vector(6)"),
        ("needs", "id bigint, embedding vector(6), name text NOT NULL"),
    ):
        connection.execute(f"CREATE TABLE {table} ({columns})")
    cases = (
        ("five", (), ("embedding takes 5 dimensions", "few.npy has rows of 6")),
        ("number", (), ("id is of type integer; bigint is needed",)),
        ("text", (), ("embedding is of type text; vector or halfvec is needed",)),
        ("other", (), ("no column embedding; it has: id, v",)),
        ("other", ("--column", "v", "--id-column", "key"), ("no column key",)),
        ("needs", (), ('needs: null value in column "name"',)),
        ("there", (), ("there: duplicate key", "Key (id)=(0) already exists", "--first-id")),
        ("there", ("--type", "halfvec"), ("of type vector, not halfvec",)),
        ("no_schema.items", (), ('no_schema.items: schema "no_schema" does not exist',)),
        ("a b", (), ("string is not a valid identifier",)),
    )
    for table, words, expected in cases:
        refused(f"table {table} {' '.join(words)}", expected, run, "few.npy", "--table", table, *words)
    refused("a column with a dot", ("a.b: a column's name has no dot",), run, "few.npy", "--column", "a.b")
    refused("ids beyond bigint", ("beyond bigint",), run, "few.npy", "--first-id", str(2**63 - 5))
    refused(
        "no server",
        ("items", "connection"),
        load.main,
        [str(folder / "few.npy"), "--dsn", f"host={folder} connect_timeout=2"],
    )
    connection.execute("CREATE DATABASE bare TEMPLATE template0")
    refused(
        "a database without the extension",
        ("type vector is not in this database: CREATE EXTENSION vector_quant",),
        load.main,
        [str(folder / "few.npy"), "--dsn", f"{DSN} dbname=bare"],
    )


def all_or_nothing(connection):
    """Files whose last row is wrong, found when the others are with the server."""
    late = ROWS.copy()
    late[-1, 2] = np.nan
    np.save(folder / "nan.npy", late)
    write_vecs(
        folder / "ragged.fvecs", "<f4", [*ROWS[:PIECE].tolist(), *[[1.0] * 13] * 7]
    )  # 7 x 14 numbers are 14 rows of 6
    pq.write_table(pa.table({"v": [*ROWS[:PIECE].tolist(), [1.0]]}), folder / "ragged.parquet", row_group_size=100)
    late[-1, 2] = 70_000
    np.save(folder / "large.npy", late)
    connection.execute("CREATE TABLE kept (id bigint, embedding halfvec(6))")
    for table in ("fresh", "kept"):
        for file, word in (("nan.npy", "row 19999"), ("ragged.fvecs", "row 3000"), ("ragged.parquet", "row 3000")):
            refused(f"{file} into {table}", (file, word), run, file, "--table", table)
    refused(
        "numbers beyond halfvec",
        ("large.npy", "row 19999", "70000", "--type vector"),
        run,
        "large.npy",
        "--table",
        "kept",
    )
    same("a table that was there stays as it was", 0, connection.execute("SELECT count(*) FROM kept").fetchone()[0])
    same("a table that was not there isn't", None, connection.execute("SELECT to_regclass('fresh')").fetchone()[0])
    refused("a number of rows below one", ("2",), run, "few.npy", "--rows", "0")


with psycopg.connect(DSN, autocommit=True) as session:
    for test in (into_new_tables, into_existing_tables, wrong_tables, all_or_nothing):
        test(session)
print("finished")
