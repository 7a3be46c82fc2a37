"""No wrong recall: the metric is the file's, given neighbours count only where they are the exact ones of that metric, and what is computed
is right. Argument: an empty folder."""

import contextlib
import io
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from loading_checks import check, refused, same, write_bin, write_vecs

from vqlab import datasets, measure, neighbours

folder = Path(sys.argv[1])
random = np.random.default_rng(5)
# Of lengths from 0.5 to 5: the metrics do not agree.
BASE, QUERIES = (random.standard_normal((n, 6)) * random.uniform(0.5, 5, (n, 1)) for n in (900, 40))
BASE, QUERIES = BASE.astype(np.float32), QUERIES.astype(np.float32)
UNIT = neighbours.unit(BASE)
K = 10


def nearest(base, queries, metric, k=K):
    """By the definition, in double, one query after the other."""
    found = []
    for query in queries.astype(np.float64):
        product, lengths = base.astype(np.float64) @ query, np.linalg.norm(
            base.astype(np.float64), axis=1
        ) * np.linalg.norm(query)
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = {"l2": ((base - query) ** 2).sum(1), "ip": -product, "cosine": 1 - product / lengths}[metric]
        found.append(np.argsort(distance, kind="stable")[:k])  # NaN last
    return np.array(found)


TRUTH = {metric: nearest(BASE, QUERIES, metric) for metric in datasets.METRICS}


def write_hdf5(truth, distance=None, **others):
    path = folder / "a.hdf5"
    with h5py.File(path, "w") as file:
        for name, value in {"train": BASE, "test": QUERIES, "neighbors": truth, **others}.items():
            if value is not None:
                file[name] = value
        if distance is not None:
            file.attrs["distance"] = distance
    return path


def write_folder(**arrays):
    path = folder / "set"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    return path


def loaded(path, *arguments, **named):
    """(Dataset, notes on standard error)."""
    notes = io.StringIO()
    with contextlib.redirect_stderr(notes):
        data = datasets.load(path, *arguments, **named)
    return data, notes.getvalue()


def is_right(name, path, metric, *arguments, kept, **named):
    """The metric, whether the file's neighbours were kept, and that they or those computed instead are exact."""
    try:
        data, notes = loaded(path, *arguments, **named)
    except SystemExit as error:
        check(name, False, error)
        return
    check(f"{name}: {metric}", data.metric == metric, data.metric)
    check(
        f"{name}: neighbours {'kept' if kept else 'computed, and said so'}",
        (data.truth is not None) == kept and bool(notes) != kept,
        notes,
    )
    datasets.ensure_truth(data, K)
    exact = nearest(data.base, data.queries, metric)
    same(f"{name}: recall of the exact answer", 1, measure.recall(data, exact, K))
    farther = np.tile(np.arange(len(data.base) - K, len(data.base)), (len(exact), 1))
    check(f"{name}: recall of other rows", measure.recall(data, farther, K) < 0.2, measure.recall(data, farther, K))


def metric_of_hdf5():
    names = {
        "euclidean": "l2",
        "angular": "cosine",
        "cosine": "cosine",
        "normalized": "cosine",
        "dot": "ip",
        "ip": "ip",
        "l2": "l2",
    }
    for said, metric in names.items():
        for form in (said, said.encode(), said.capitalize(), np.array([said.upper().encode()])):
            is_right(f"hdf5, distance {form!r}", write_hdf5(TRUTH[metric], form), metric, kept=True)
    for said in ("hamming", "jaccard", b"Hamming", "manhattan"):
        path = write_hdf5(TRUTH["l2"], said)
        refused(f"hdf5, distance {said}", ("a.hdf5", "none of l2, ip, cosine", "--metric"), datasets.load, path)
        is_right(f"hdf5, distance {said}, asked for l2", path, "l2", "l2", kept=False)
    is_right("hdf5 that tells no distance", write_hdf5(TRUTH["cosine"]), "l2", kept=False)
    is_right("hdf5 of unit vectors that tells no distance", write_hdf5(TRUTH["l2"], train=UNIT), "cosine", kept=False)


def another_metric():
    for told, said in (("l2", "euclidean"), ("cosine", "angular"), ("ip", "dot")):
        for metric in datasets.METRICS:
            is_right(
                f"hdf5 of {told}, asked for {metric}",
                write_hdf5(TRUTH[told], said),
                metric,
                metric,
                kept=metric == told,
            )
    for told in datasets.METRICS:
        path = write_folder(base_f32=BASE, query_f32=QUERIES, **{f"gt_{told}_k10": TRUTH[told]})
        is_right(f"folder of {told}", path, told, kept=True)
        other = {"l2": "ip", "ip": "cosine", "cosine": "l2"}[told]
        is_right(f"folder of {told}, asked for {other}", path, other, other, kept=False)
    both = write_folder(base=BASE, base_f32=BASE, query_f32=QUERIES, gt_l2=TRUTH["l2"], gt_cos=TRUTH["cosine"])
    refused("folder with neighbours by two metrics", ("gt_cos.npy, gt_l2.npy", "--metric"), datasets.load, both)
    is_right("folder with neighbours by two metrics, one asked for", both, "cosine", "cosine", kept=True)
    is_right(
        "folder whose neighbours have no metric",
        write_folder(base_f32=BASE, query_f32=QUERIES, gt_k10=TRUTH["ip"]),
        "l2",
        kept=False,
    )


def wrong_neighbours():
    right = TRUTH["l2"]
    twice, far, late = right.copy(), right.copy(), right.copy()
    twice[:, 3] = twice[:, 2]
    far[:, -1] = nearest(BASE, -QUERIES, "l2", 1)[:, 0]
    late[:, [0, -1]] = late[:, [-1, 0]]
    cases = (
        ("by another metric", TRUTH["cosine"]),
        ("counted from 1", right + 1),
        ("beyond the rows", right + 800),
        ("with -1", right - right.min() - 1),
        ("with a row twice", twice),
        ("with a far row", far),
        ("in another order", late),
        ("of numbers with a point", right.astype("f4")),
        ("in one line", right[0]),
        ("of other queries", right[::-1]),
    )
    for name, truth in cases:
        is_right(f"neighbours {name}", write_hdf5(truth, "euclidean"), "l2", kept=False)
    is_right("neighbours of fewer than all queries", write_hdf5(right[:7], "euclidean"), "l2", kept=True)
    same("as many queries as have neighbours", 7, len(loaded(folder / "a.hdf5")[0].queries))
    data = loaded(write_hdf5(right, "euclidean"), rows=200)[0]
    same("no neighbours of all rows for the first rows", None, data.truth)
    data = loaded(folder / "a.hdf5", queries=3)[0]
    same("neighbours of the first queries", right[:3], data.truth)


def unusual_numbers():
    cases = (
        ("far from the origin", BASE + 30_000, QUERIES + 30_000, "l2"),
        ("huge", BASE * 1e25, QUERIES * 1e25, "l2"),
        ("tiny", BASE * 1e-25, QUERIES * 1e-25, "l2"),
        ("huge, by angle", BASE * 1e30, QUERIES * 1e30, "cosine"),
        ("tiny, by product", BASE * 1e-30, QUERIES * 1e-30, "ip"),
    )
    for name, base, queries, metric in cases:
        base, queries = base.astype(np.float32), queries.astype(np.float32)
        same(
            f"neighbours of numbers {name}",
            nearest(base, queries, metric),
            neighbours.exact_neighbours(base, queries, metric, K),
        )
    zero = BASE.copy()
    zero[::2] = 0
    found = neighbours.exact_neighbours(zero, QUERIES, "cosine", 500)
    same("zero vectors come last under cosine", nearest(zero, QUERIES, "cosine", 450), found[:, :450])
    queries = QUERIES.copy()
    queries[[0, 5]] = 0
    data, notes = loaded(write_hdf5(nearest(BASE, queries, "cosine"), "angular", test=queries))
    check(
        "queries that are zero vectors are left out under cosine",
        len(data.queries) == 38 and "2 queries" in notes,
        notes,
    )
    datasets.ensure_truth(data, K)
    same("and the others keep their neighbours", nearest(BASE, data.queries, "cosine"), data.truth)
    refused(
        "queries that are all zero vectors",
        ("zero vectors",),
        datasets.load,
        write_hdf5(None, "angular", test=QUERIES * 0),
    )


def held_out():
    """Files without queries, in each format."""
    np.save(folder / "a.npy", BASE)
    (folder / "a.npy").rename(folder / "B.NPY")
    write_vecs(folder / "a.fvecs", "<f4", BASE)
    write_bin(folder / "a.fbin", "<f4", BASE)
    pq.write_table(pa.table({"v": BASE.tolist(), "w": BASE.tolist()}), folder / "a.parquet")
    for name, field in (("B.NPY", None), ("a.fvecs", None), ("a.fbin", None), ("a.parquet", "w")):
        data = loaded(folder / name, field=field)[0]
        same(
            f"{name}: every row once, as a row or a query",
            np.sort(BASE, 0),
            np.sort(np.concatenate([data.base, data.queries]), 0),
        )
        datasets.ensure_truth(data, K)
        same(f"{name}: neighbours", nearest(data.base, data.queries, "l2"), data.truth)
    np.save(folder / "two.npy", BASE[:2])
    data = datasets.ensure_truth(loaded(folder / "two.npy")[0], K)
    same("recall where there are fewer rows than k", 1, measure.recall(data, [[0]], K))
    np.save(folder / "one.npy", BASE[:1])
    refused("a set of one row", ("one.npy", "one row"), datasets.load, folder / "one.npy")
    data, notes = loaded(write_hdf5(TRUTH["l2"], "angular", test=None))
    check(
        "hdf5 without test",
        len(data.queries) == 90 and data.truth is None and data.metric == "cosine" and "no dataset test" in notes,
        notes,
    )


def wrong_sets():
    refused(
        "hdf5 without train",
        ("a.hdf5", "no dataset train", "test"),
        datasets.load,
        write_hdf5(None, "angular", train=None),
    )
    refused(
        "hdf5, sparse",
        ("a.hdf5", "sparse"),
        datasets.load,
        write_hdf5(None, "jaccard", train=np.arange(9), size_train=[3]),
    )
    refused(
        "hdf5, queries of other dimensions",
        ("a.hdf5", "queries have 5", "rows 6"),
        datasets.load,
        write_hdf5(None, "ip", test=QUERIES[:, 1:]),
    )
    refused("hdf5, complex", ("a.hdf5", "train", "complex"), datasets.load, write_hdf5(None, "ip", train=BASE + 1j))
    refused("hdf5, NaN", ("a.hdf5", "nan"), datasets.load, write_hdf5(None, "ip", train=np.full((3, 6), np.nan)))
    refused(
        "two files of rows",
        ("2 files base_*.npy (base_0.npy, base_1.npy)",),
        datasets.load,
        write_folder(base_0=BASE, base_1=BASE),
    )
    refused(
        "two files of queries",
        ("2 files query_*.npy",),
        datasets.load,
        write_folder(base_0=BASE, query_0=BASE, query_1=BASE),
    )
    refused("folder without rows", ("set", "no base_*.npy"), datasets.load, write_folder(query_0=BASE))
    refused("nothing there", ("none", "no such file or folder"), datasets.load, folder / "none")


for test in (metric_of_hdf5, another_metric, wrong_neighbours, unusual_numbers, held_out, wrong_sets):
    test()
print("finished")
