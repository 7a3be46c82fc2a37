"""Every format gives the rows that were written, and wrong files are refused in one line. Argument: an empty folder; files of the names
that docs/loading.md uses stay there."""

import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from loading_checks import check, refused, same, write_bin, write_vecs

from vqlab.formats import open_vectors

folder = Path(sys.argv[1])
random = np.random.default_rng(7)
ROWS = np.round(random.standard_normal((700, 5)) * 20).clip(-100, 100).astype(np.float32)  # every type holds them
BYTES = np.abs(ROWS).astype(np.uint8)


def taken(name, path, expected, field=None):
    try:
        same(name, expected, open_vectors(path, field).whole())
    except SystemExit as error:
        check(name, False, error)


def saved(name, array):
    np.save(folder / name, array)
    return folder / name


def written(name, content):
    (folder / name).write_bytes(content)
    return folder / name


def npy():
    for kind in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "i1", ">i2", "<i4", ">i8", "longdouble"):
        taken(f"npy {kind}", saved("a.npy", ROWS.astype(kind)), ROWS)
        taken(f"npy {kind}, columns first", saved("a.npy", np.asfortranarray(ROWS.astype(kind))), ROWS)
    for kind in ("u1", ">u2", "<u8"):
        taken(f"npy {kind}", saved("a.npy", BYTES.astype(kind)), BYTES)
    taken("npy of booleans", saved("a.npy", BYTES > 9), BYTES > 9)
    numbers = random.standard_normal((50, 5)).astype(np.float32)
    upper = numbers.view("<u4") >> 16
    taken("npy bfloat16", saved("a.npy", upper.astype("<u2").view("V2")), (upper << 16).view("<f4"))
    taken("npy, capitals", saved("a.npy", ROWS).rename(folder / "B.NPY"), ROWS)
    taken("npy, one row", saved("a.npy", ROWS[:1]), ROWS[:1])
    same("only the first rows", ROWS[:33], open_vectors(saved("a.npy", ROWS)).whole(33))


def wrong_npy():
    # What is wrong, an array, words of the answer.
    cases = (
        ("complex", ROWS + 1j, "complex"),
        ("objects", np.array([[1, None]], object), "objects"),
        ("text", np.array([["a"]]), "numbers"),
        ("records", np.zeros((2, 2), "i2,i2"), "records"),
        ("one byte of no type", np.zeros((2, 2), "V1"), "unknown"),
        ("dates", np.zeros((2, 2), "M8[s]"), "numbers"),
        ("3-d", ROWS.reshape(7, 100, 5), "(7, 100, 5)"),
        ("1-d", ROWS[0], "(5,)"),
        ("a number", np.float32(1), "()"),
        ("0 rows", ROWS[:0], "no rows"),
        ("0 dimensions", ROWS[:, :0], "0 dimensions"),
        ("16,001 dimensions", np.zeros((1, 16001), "f4"), "16,000"),
        ("float64 beyond float4", np.array([[1, 2], [3, 1e39]]), "row 1 (the first is 0) has 1e+39"),
    )
    for name, array, word in cases:
        refused(f"npy, {name}", ("a.npy", word), whole, saved("a.npy", array))
    for value in (np.nan, np.inf, -np.inf):
        rows = np.tile(ROWS, (900, 1))  # more than a piece
        rows[600_000, 3] = value
        refused(f"npy, {value}", ("a.npy", "row 600000", str(value), "dimension 4"), whole, saved("a.npy", rows))
    content = saved("a.npy", ROWS).read_bytes()
    refused("npy, cut off", ("a.npy", "cut off"), open_vectors, written("a.npy", content[:-1]))
    refused("npy, two arrays", ("a.npy", "more than one"), open_vectors, written("a.npy", content * 2))
    refused("npy, not one", ("a.npy", "not a .npy"), open_vectors, written("a.npy", b"hello, world"))


def whole(path, field=None):
    return open_vectors(path, field).whole()


def vecs():
    for end, kind in (("fvecs", "<f4"), ("ivecs", "<i4"), ("bvecs", "u1")):
        path, rows = folder / f"a.{end}", BYTES if kind == "u1" else ROWS
        write_vecs(path, kind, rows)
        taken(end, path, rows)
        content = path.read_bytes()
        refused(f"{end}, cut off", (path.name, "cut off"), open_vectors, written(path.name, content[:-1]))
        refused(
            f"{end}, first row of 0 dimensions", (path.name, "0 dimensions"), open_vectors, written(path.name, bytes(8))
        )
        refused(f"{end}, two bytes", (path.name, "0 dimensions"), open_vectors, written(path.name, b"ab"))
    # Rows of 2, 5, 2, ... numbers: as long together as rows of 2.
    write_vecs(folder / "a.fvecs", "<f4", [[1, 2], [1, 2, 3, 4, 5], [1, 2]])
    refused(
        "fvecs, ragged, of fitting length", ("a.fvecs", "row 1", "5 dimensions", "has 2"), whole, folder / "a.fvecs"
    )


def big_ann():
    for end, kind in (("fbin", "<f4"), ("f16bin", "<f2"), ("i8bin", "i1"), ("u8bin", "u1")):
        path, rows = folder / f"a.{end}", BYTES if kind == "u1" else ROWS
        write_bin(path, kind, rows)
        taken(end, path, rows)
        write_bin(path, kind, rows, (len(rows) + 1, 5))
        refused(f"{end}, cut off", (path.name, "701 rows of 5", "cut off"), open_vectors, path)
        refused(
            f"{end}, no rows",
            (path.name, "no rows"),
            open_vectors,
            written(path.name, np.array([0, 5], "<u4").tobytes()),
        )
        refused(f"{end}, no head", (path.name, "head"), open_vectors, written(path.name, b"abc"))


def hdf5():
    path = folder / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["train"], file["test"], file["other"] = ROWS.astype(">f8"), ROWS[:9], ROWS[:7].astype("f2")
        file["flat"], file["complex"], file["one"], file["empty"] = ROWS[0], ROWS + 1j, 1.0, h5py.Empty("f4")
        file.create_dataset("packed", data=ROWS, compression="gzip", chunks=(64, 2))
        file.create_dataset("ragged", (2,), h5py.vlen_dtype("f4"))
        file.create_group("group")
    taken("hdf5", path, ROWS)
    taken("hdf5, named", path, ROWS[:7], "other")
    taken("hdf5, compressed", path, ROWS, "packed")
    for field, word in (
        ("none", "no dataset none"),
        ("group", "no dataset group"),
        ("flat", "(5,)"),
        ("complex", "complex"),
        ("one", "()"),
        ("empty", "None"),
        ("ragged", "(2,)"),
    ):
        refused(f"hdf5, dataset {field}", ("a.hdf5", word), open_vectors, path, field)
    content = path.read_bytes()
    refused("hdf5, cut off", ("a.hdf5", "damaged"), open_vectors, written("a.hdf5", content[:2000]))
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = ROWS, ROWS
    refused("hdf5 without train", ("a.hdf5", "no dataset train", "x, y", "--field"), open_vectors, path)
    with h5py.File(path, "w") as file:
        file["train"], file.attrs["type"] = np.arange(9), "sparse"
    refused("hdf5, sparse", ("a.hdf5", "sparse"), open_vectors, path)


def columns():
    """Lists of numbers in each way that Arrow has."""
    wide = pa.array(ROWS.tolist(), pa.list_(pa.float64()))
    made = {
        f"{kind} in {shape}": wide.cast(pa.list_(kind)).cast(target(kind))
        for kind in (pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.int64())
        for shape, target in (
            ("list", pa.list_),
            ("large_list", pa.large_list),
            ("list of fixed size", lambda kind: pa.list_(kind, 5)),
        )
    }
    return {
        **made,
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(ROWS),
        "list_view": pa.array(ROWS.tolist(), pa.list_view(pa.float32())),
    }


def write_arrow(table, end, stream=False, batch=None):
    path = folder / f"a.{end}"
    if end == "parquet":
        pq.write_table(table, path, row_group_size=batch)
    else:
        with (pa.ipc.new_stream if stream else pa.ipc.new_file)(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=batch)
    return path


def arrow():
    ids = pa.array(np.arange(len(ROWS)))
    for name, column in columns().items():
        table = pa.table({"id": ids, "v": column})
        taken(f"arrow file, {name}", write_arrow(table, "arrow", batch=99), ROWS)
        taken(f"arrow stream, {name}", write_arrow(table, "arrow", stream=True, batch=99), ROWS)
        if name != "list_view":  # Parquet brings it back as list
            taken(f"parquet, {name}", write_arrow(table, "parquet", batch=99), ROWS)
    taken("parquet from a slice", write_arrow(table.slice(3, 50), "parquet"), ROWS[3:53])
    taken("arrow from a slice", write_arrow(table.slice(3, 50), "feather"), ROWS[3:53])


def wrong_arrow():
    fixed = pa.list_(pa.float32(), 2)
    # What is wrong, columns, field, words of the answer.
    cases = (
        ("null row", {"v": pa.array([[1, 2], None], fixed)}, None, "row 1"),
        ("null row first", {"v": pa.array([None, [1.0, 2.0]])}, None, "row 0"),
        (
            "null inside",
            {"v": pa.array([[1, 2], [1, None]], fixed)},
            None,
            "row 1 (the first is 0) of column v has a null in dimension 2",
        ),
        (
            "ragged",
            {"v": [[1.0, 2.0], [1.0]]},
            None,
            "row 1 (the first is 0) of column v has 1 dimensions, the first row has 2",
        ),
        ("NaN", {"v": [[1.0, 2.0], [1.0, np.nan]]}, None, "row 1"),
        ("empty lists", {"v": pa.array([[], []], pa.list_(pa.float32()))}, None, "0 dimensions"),
        ("no rows", {"v": pa.array([], fixed)}, None, "no rows"),
        ("no rows, lists", {"v": pa.array([], pa.list_(pa.int8()))}, None, "no rows"),
        ("text", {"v": ["[1,2]"]}, None, "no column of lists of numbers; it has: v string"),
        ("lists of text", {"v": [["1"]]}, None, "no column"),
        ("two columns", {"v": [[1.0]], "w": [[1]]}, None, "choose one with --field"),
        ("no such column", {"v": [[1.0]]}, "w", "no columns w"),
        ("another column", {"v": [[1.0]], "w": [1]}, "w", "column w is int64"),
        (
            "tensors of two dimensions",
            {"v": pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((2, 3, 4), "f4"))},
            None,
            "no column",
        ),
    )
    for name, parts, field, words in cases:
        for end in ("parquet", "arrow"):
            refused(f"{end}, {name}", (f"a.{end}", words), whole, write_arrow(pa.table(parts), end), field)
    for end in ("parquet", "arrow"):
        path = write_arrow(pa.table({"v": ROWS.tolist()}), end)
        refused(f"{end}, cut off", (path.name, "damaged"), whole, written(path.name, path.read_bytes()[:-500]))
        refused(f"{end}, not one", (path.name, "not a"), whole, written(path.name, b"hello, world, hello"))


def names():
    for name, word in (
        ("a.npz", "np.save"),
        ("a.npy.gz", "unpack"),
        ("a.csv", "psql"),
        ("a.xyz", "known are .npy"),
        ("a", "known are"),
    ):
        refused(name, (name, word), open_vectors, written(name, b"x"))
    refused("an empty file", ("e.npy", "empty"), open_vectors, written("e.npy", b""))
    refused("no file", ("none.npy", "no such"), open_vectors, folder / "none.npy")
    refused("a folder", (str(folder), "not a file"), open_vectors, folder)
    refused("--field where there are no fields", ("a.npy", "--field"), open_vectors, saved("a.npy", ROWS), "x")


def outcome(path, field):
    """'' where it is taken, or refused in one line; otherwise what came instead."""
    try:
        whole(path, field)
    except SystemExit as error:
        return "" if str(error).startswith(str(path)) and "\n" not in str(error) else str(error)
    except Exception as error:  # pylint: disable=broad-except
        return f"{type(error).__name__}: {error}"
    return ""


def damaged():
    """A few bytes changed, half of them in the head, and some files cut: never a traceback."""
    rows, changes = ROWS[:40], np.random.default_rng(11)
    saved("a.npy", rows)
    write_vecs(folder / "a.fvecs", "<f4", rows)
    write_bin(folder / "a.fbin", "<f4", rows)
    with h5py.File(folder / "a.hdf5", "w") as file:
        file.create_dataset("train", data=rows, compression="gzip")
    for end in ("parquet", "arrow"):
        write_arrow(pa.table({"v": rows.tolist(), "w": rows.tolist()}), end)
    for end, field in (
        ("npy", None),
        ("fvecs", None),
        ("fbin", None),
        ("hdf5", None),
        ("parquet", "w"),
        ("arrow", "w"),
    ):
        content, wrong = (folder / f"a.{end}").read_bytes(), []
        for _ in range(100):
            changed = bytearray(content)
            reach = min(len(content), changes.choice([300, len(content)]))
            for place in changes.integers(0, reach, 3):
                changed[place] = changes.integers(0, 256)
            kept = changes.choice([len(content), changes.integers(1, len(content))], p=[0.7, 0.3])
            wrong.append(outcome(written(f"b.{end}", bytes(changed[:kept])), field))
        check(f"damaged {end} files end in one line, if at all", not any(wrong), [line for line in wrong if line][:2])


for test in (npy, wrong_npy, vecs, big_ann, hdf5, arrow, wrong_arrow, names, damaged):
    test()
for path in folder.iterdir():
    path.unlink()
np.save(folder / "vectors.npy", ROWS)
write_vecs(folder / "base.fvecs", "<f4", ROWS)
pq.write_table(
    pa.table({"title_vector": ROWS.tolist(), "text_vector": ROWS[:, :3].tolist()}), folder / "articles.parquet"
)
print("finished")
