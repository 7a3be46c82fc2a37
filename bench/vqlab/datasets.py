"""Base vectors, queries and exact neighbours from the files that vector benchmarks use, or drawn."""
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .formats import WrongFile, hdf5, npy, open_vectors, reading
from .neighbours import contradiction, exact_neighbours, unit

METRICS = ("l2", "ip", "cosine")
# What files call the metrics. VIBE's sets say normalized: unit vectors, which are compared by angle.
METRIC_NAMES = {**dict.fromkeys(("l2", "euclidean"), "l2"),
                **dict.fromkeys(("cosine", "cos", "angular", "normalized"), "cosine"),
                **dict.fromkeys(("ip", "dot", "inner_product"), "ip")}
QUERIES_TAKEN = 1000      # from a file that brings no queries of its own


@dataclass
class Dataset:
    name: str
    metric: str
    base: np.ndarray
    queries: np.ndarray
    truth: np.ndarray | None = None    # row numbers, nearest first

    @property
    def dims(self):
        return self.base.shape[1]

    def describe(self):
        return f"{self.name}: {len(self.base):,} x {self.dims}, {len(self.queries):,} queries, {self.metric}"


def note(path, text):
    print(f"{path}: {text}", file=sys.stderr)


@dataclass
class Cut:
    """How much of a file is wanted; None is all."""
    rows: int | None
    queries: int | None


def read_hdf5(path, metric, cut):
    file = hdf5.open_file(path)
    said = hdf5.text(file.attrs.get("distance"))
    told = METRIC_NAMES.get(said)
    if metric is None and said is not None and told is None:
        raise WrongFile(path, f"its neighbours are by distance '{said}', which is none of {', '.join(METRICS)}; "
                              "--metric takes its rows by one of these, and neighbours are computed")
    base = hdf5.vectors(path, file, "train")
    if "test" not in file:
        note(path, "no dataset test: queries are held out of train")
        return split(path.stem, base, metric or told, cut)
    queries = hdf5.vectors(path, file, "test")
    truth = (lambda: file["neighbors"][:]) if "neighbors" in file else None
    return join(path, base, queries, metric, told, truth, cut)


def read_folder(path, metric, cut):
    """base_*.npy, query_*.npy and gt_METRIC_*.npy, whose name tells the metric."""
    base, queries = (only(path, pattern) for pattern in ("base_*.npy", "query_*.npy"))
    if base is None:
        raise WrongFile(path, "no base_*.npy in this folder")
    if queries is None:
        return split(path.name, open_vectors(base), metric, cut)
    truth, told = told_truth(path, metric)
    return join(path, open_vectors(base), open_vectors(queries), metric, told, truth and (lambda: npy.array(truth)), cut)


def only(path, pattern):
    found = sorted(path.glob(pattern))
    if len(found) > 1:
        raise WrongFile(path, f"{len(found)} files {pattern} ({', '.join(file.name for file in found)}): leave one of them, "
                              "or join them into one")
    return found[0] if found else None


def told_truth(path, metric):
    """(file, its metric) of the neighbours; those of the metric asked for, where there are several."""
    told = {file: METRIC_NAMES.get(file.stem.split("_")[1].lower()) for file in sorted(path.glob("gt_*.npy"))}
    fitting = [file for file in told if metric is None or told[file] == metric]
    if len(fitting) > 1:
        raise WrongFile(path, f"{', '.join(file.name for file in fitting)} all hold neighbours: choose by --metric, or leave one of them")
    file = (fitting or list(told) or [None])[0]
    return file, told.get(file)


def join(path, base, queries, metric, told, truth, cut):
    """truth: a function that reads it, or None. Neighbours count only for the metric that the file tells, and for all rows."""
    if base.dims != queries.dims:
        raise WrongFile(path, f"its queries have {queries.dims} dimensions, its rows {base.dims}")
    whole = not cut.rows or cut.rows >= base.rows
    data = Dataset(path.name if path.is_dir() else path.stem, metric or told, base.whole(cut.rows), queries.whole(cut.queries))
    data.metric = data.metric or guess_metric(data.base)
    if truth is None or not whole:
        return data
    if told != data.metric:
        note(path, f"its neighbours are {f'by {told}' if told else 'by a metric it does not tell'}, not used for {data.metric}")
        return data
    with reading(path, "its neighbours cannot be read"):
        data.truth = np.asarray(truth())
    wrong = contradiction(data.base, data.queries, data.truth[:len(data.queries)], data.metric)
    if wrong:
        note(path, f"its neighbours are not used: {wrong}")
        data.truth = None
    return data


def guess_metric(base):
    """cosine for vectors of unit norm, which embeddings mostly are; l2 for anything else."""
    norms = np.linalg.norm(base[:100].astype(np.float32), axis=1)
    return "cosine" if np.allclose(norms, 1, atol=0.01) else "l2"


def split(name, vectors, metric, cut):
    """Holds rows out at random as queries, so that no query finds itself."""
    if vectors.rows < 2:
        raise WrongFile(vectors.path, "has one row; at least two are needed, since one is held out as a query")
    rows = vectors.whole(cut.rows and cut.rows + QUERIES_TAKEN)
    taken = np.zeros(len(rows), bool)
    count = min(QUERIES_TAKEN, max(1, len(rows) // 10))
    taken[np.random.default_rng(1).choice(len(rows), count, replace=False)] = True
    return Dataset(name, metric or guess_metric(rows), rows[~taken][:cut.rows], rows[taken][:cut.queries])


def without_zero_queries(data, path):
    """Under cosine nothing has a distance to a zero vector."""
    kept = data.queries.any(axis=1)
    if data.metric != "cosine" or kept.all():
        return data
    if not kept.any():
        raise WrongFile(path, "all its queries are zero vectors, to which cosine has no distance")
    note(path, f"{(~kept).sum()} queries are zero vectors, to which cosine has no distance: left out")
    data.queries = data.queries[kept]
    if data.truth is not None:
        data.truth = data.truth[kept[:len(data.truth)]]
    return data


def load(path, metric=None, rows=None, queries=None, field=None):
    """Reads any of the formats; `rows` and `queries` cut it down, after which given neighbours may no longer hold.
    field: the column or dataset where a file has several."""
    path = Path(path)
    if not path.exists():
        raise WrongFile(path, "no such file or folder")
    cut = Cut(rows, queries)
    if path.is_dir():
        data = read_folder(path, metric, cut)
    elif path.suffix.lower() in (".hdf5", ".h5") and field is None:
        with reading(path):
            data = read_hdf5(path, metric, cut)
    else:
        data = split(path.stem, open_vectors(path, field), metric, cut)
    if data.truth is not None and queries is None:    # as many queries as have neighbours
        data.queries = data.queries[:len(data.truth)]
    if data.truth is not None:
        data.truth = data.truth[:len(data.queries)] if len(data.truth) >= len(data.queries) else None
    return without_zero_queries(data, path)


def ensure_truth(data, k):
    if data.truth is None or data.truth.shape[1] < k:
        data.truth = exact_neighbours(data.base, data.queries, data.metric, max(k, 10))
    return data


def generated(rows, dims, queries=QUERIES_TAKEN, seed=7):
    """Clustered unit vectors, where no real ones are at hand: a few hundred centres, noise whose spread falls off
    over the dimensions as an embedding's does."""
    random = np.random.default_rng(seed)
    spread = (1 / np.sqrt(1 + np.arange(dims, dtype=np.float32)))
    centres = random.standard_normal((300, dims), np.float32) * spread
    total = rows + queries
    points = centres[random.integers(0, len(centres), total)]
    points = unit(points + 0.8 * spread * random.standard_normal((total, dims), np.float32))
    return Dataset(f"generated-{dims}", "cosine", points[:rows], points[rows:])


def sums(rows, dims, queries=QUERIES_TAKEN, pool=1000, seed=7):
    """A hard set: each row is the sum of two vectors out of a pool, so that it belongs to two clusters at once and no list is
    about one thing."""
    random = np.random.default_rng(seed)
    parts = random.standard_normal((pool, dims), np.float32)
    pairs = random.choice(pool * pool, rows + queries, replace=False)
    points = parts[pairs // pool] + parts[pairs % pool]
    return Dataset(f"sums-{dims}", "l2", points[:rows], points[rows:])
