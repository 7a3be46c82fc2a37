"""Base vectors, queries and exact neighbours from the file formats that vector benchmarks use."""
from dataclasses import dataclass
from pathlib import Path

import numpy as np

METRICS = ("l2", "ip", "cosine")
HDF5_METRICS = {"euclidean": "l2", "angular": "cosine", "dot": "ip"}    # ann-benchmarks' names
QUERIES_TAKEN = 1000      # from a file that brings no queries of its own
BLOCK_FLOATS = 1 << 24    # exact neighbours work on blocks of 64 MB


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


def read_vecs(path, component, header=np.dtype("<i4")):
    """fvecs, bvecs, ivecs: each row is its dimension as int32, then the components."""
    raw = np.memmap(path, np.uint8, "r")
    dims = int(raw[:4].view(header)[0])
    stride = 4 + dims * np.dtype(component).itemsize
    if dims <= 0 or len(raw) % stride:
        raise SystemExit(f"{path}: not a file of rows of {dims} dimensions")
    return raw.reshape(-1, stride)[:, 4:].view(component)


def read_array(path):
    path = Path(path)
    if path.suffix == ".npy":
        return np.load(path, mmap_mode="r")
    if path.suffix in (".fvecs", ".bvecs"):
        return read_vecs(path, {".fvecs": "<f4", ".bvecs": "u1"}[path.suffix])
    raise SystemExit(f"{path}: expected .npy, .fvecs, .bvecs, .hdf5 or a folder with base_*.npy")


def read_hdf5(path, metric):
    import h5py    # only these files need it
    with h5py.File(path) as f:
        metric = metric or HDF5_METRICS.get(f.attrs.get("distance"), "l2")
        truth = f["neighbors"][:] if "neighbors" in f else None
        return Dataset(Path(path).stem, metric, f["train"][:], f["test"][:], truth)


def read_folder(path, metric):
    """base_*.npy, query_*.npy and gt_METRIC_*.npy, whose name tells the metric."""
    def only(pattern):
        found = sorted(Path(path).glob(pattern))
        return found[0] if found else None
    base, queries, truth = only("base_*.npy"), only("query_*.npy"), only("gt_*.npy")
    if base is None:
        raise SystemExit(f"{path}: no base_*.npy in this folder")
    if truth is not None:
        told = {"l2": "l2", "cos": "cosine", "ip": "ip"}.get(truth.stem.split("_")[1])
        truth = np.load(truth) if metric in (None, told) else None
        metric = metric or told
    base = read_array(base)
    if queries is None:
        return split(Path(path).name, base, metric)
    return Dataset(Path(path).name, metric or guess_metric(base), base, read_array(queries), truth)


def guess_metric(base):
    """cosine for vectors of unit norm, which embeddings mostly are; l2 for anything else."""
    norms = np.linalg.norm(base[:100].astype(np.float32), axis=1)
    return "cosine" if np.allclose(norms, 1, atol=0.01) else "l2"


def split(name, vectors, metric):
    """Holds rows out at random as queries, so that no query finds itself."""
    metric = metric or guess_metric(vectors)
    taken = np.zeros(len(vectors), bool)
    count = min(QUERIES_TAKEN, max(1, len(vectors) // 10))
    taken[np.random.default_rng(1).choice(len(vectors), count, replace=False)] = True
    return Dataset(name, metric, vectors[~taken], vectors[taken])


def load(path, metric=None, rows=None, queries=None):
    """Reads any of the formats; `rows` and `queries` cut it down, after which given neighbours no longer hold."""
    path = Path(path)
    if not path.exists():
        raise SystemExit(f"{path}: no such file or folder")
    if path.is_dir():
        data = read_folder(path, metric)
    elif path.suffix in (".hdf5", ".h5"):
        data = read_hdf5(path, metric)
    else:
        data = split(path.stem, read_array(path), metric)
    if rows and rows < len(data.base):
        data.base, data.truth = data.base[:rows], None
    wanted = min(queries or len(data.queries), len(data.queries))
    if data.truth is not None and queries is None:
        wanted = min(wanted, len(data.truth))
    data.queries = np.ascontiguousarray(data.queries[:wanted], np.float32)
    data.base = np.ascontiguousarray(data.base, np.float32)
    if data.truth is not None:
        data.truth = data.truth[:wanted] if len(data.truth) >= wanted else None
    return data


def unit(x):
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(norms, np.finfo(np.float32).tiny)


def exact_neighbours(base, queries, metric, k):
    """Row numbers of the k nearest by blocks of one matrix product each, nearest first."""
    if metric == "cosine":
        base, queries = unit(base), unit(queries)
    offset = (base ** 2).sum(1) if metric == "l2" else None
    step = max(1, BLOCK_FLOATS // len(base))
    k = min(k, len(base))
    out = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), step):
        part = queries[start:start + step] @ base.T
        score = -part if offset is None else offset - 2 * part
        near = np.argpartition(score, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(score, near, 1), axis=1, kind="stable")
        out[start:start + step] = np.take_along_axis(near, order, 1)
    return out


def ensure_truth(data, k):
    if data.truth is None or data.truth.shape[1] < k:
        data.truth = exact_neighbours(data.base, data.queries, data.metric, max(k, 10))
    return data


def distances(base, rows, query, metric):
    """Distances of some rows to one query, for comparing results where rows tie."""
    found = base[rows].astype(np.float64)
    query = query.astype(np.float64)
    if metric == "l2":
        return np.linalg.norm(found - query, axis=1)
    product = found @ query
    if metric == "ip":
        return -product
    return 1 - product / np.maximum(np.linalg.norm(found, axis=1) * np.linalg.norm(query), 1e-300)


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
