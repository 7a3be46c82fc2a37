"""Exact neighbours, and whether those that somebody gives are the exact ones."""
import numpy as np

BLOCK_FLOATS = 1 << 24      # exact neighbours work on blocks of 64 MB
CHECK_ROWS = 8192           # rows whose distances to the queries looked at are computed at a time
CHECKED_QUERIES = 20
ROUNDING = 1e-5             # of float32 sums, relative to the squared lengths: what given neighbours may be off by
UNUSUAL = 1e15              # beyond it, and below its inverse, squares leave float32


def unit(x):
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.maximum(norms, np.finfo(np.float32).tiny)


def needs_double(x):
    """Whether float32 products lose what tells the rows apart: huge or tiny numbers, or rows far from the origin."""
    largest = max(abs(float(x.max())), abs(float(x.min())))
    some = x[:1000].astype(np.float64)
    centre = some.mean(0)
    return not 1 / UNUSUAL < largest < UNUSUAL or (centre ** 2).sum() > 1000 * ((some - centre) ** 2).sum(1).mean()


def exact_neighbours(base, queries, metric, k):
    """Row numbers of the k nearest by blocks of one matrix product each, nearest first. Under cosine, where a zero vector has
    no distance, such rows come last, as in SQL."""
    if needs_double(base):
        base, queries = base.astype(np.float64), queries.astype(np.float64)
    offset = None
    if metric == "cosine":
        base, queries = unit(base), unit(queries)
        offset = np.where(base.any(1), 0, np.inf).astype(base.dtype)
    elif metric == "l2":
        offset = np.einsum("ij,ij->i", base, base)
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


def scores(rows, queries, metric):
    """[row, query]: what orders rows as the distance does, in double; and how far rounding may have moved it."""
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    product = rows @ queries.T
    row_squares, query_squares = (np.einsum("ij,ij->i", x, x) for x in (rows, queries))
    lengths = np.sqrt(np.outer(row_squares, query_squares))
    if metric == "l2":
        total = np.add.outer(row_squares, query_squares)
        return total - 2 * product, ROUNDING * total
    if metric == "ip":
        return -product, ROUNDING * lengths
    return np.where(lengths > 0, -product / np.maximum(lengths, 1e-300), np.inf), np.full_like(product, ROUNDING)


def contradiction(base, queries, truth, metric):
    """Why these cannot be the rows nearest to the queries, nearest first; None where some of them, looked at closely, are."""
    if truth.ndim != 2 or truth.dtype.kind not in "iu" or not truth.size:
        return f"an array of shape {truth.shape} of {truth.dtype} is no table of row numbers"
    if truth.min() < 0 or truth.max() >= len(base):
        return f"they name row {truth.min() if truth.min() < 0 else truth.max()}, and there are {len(base):,} rows"
    chosen = np.unique(np.linspace(0, len(truth) - 1, CHECKED_QUERIES).astype(int))
    limits = []
    for query in chosen:
        score, rounding = (x[:, 0] for x in scores(base[truth[query]], queries[query:query + 1], metric))
        if len(np.unique(truth[query])) < len(score):
            return f"those of query {query} name a row twice"
        if (np.diff(score) < -2 * rounding[1:]).any():
            return f"those of query {query} are not in the order of {metric}"
        limits.append(score[-1])
    nearer = count_nearer(base, queries[chosen], np.array(limits), metric)
    wrong = np.flatnonzero(nearer >= truth.shape[1])
    if len(wrong):
        return f"{nearer[wrong[0]]:,} rows are nearer to query {chosen[wrong[0]]} under {metric} than the last of its {truth.shape[1]}"
    return None


def count_nearer(base, queries, limits, metric):
    nearer = np.zeros(len(queries), np.int64)
    for start in range(0, len(base), CHECK_ROWS):
        score, rounding = scores(base[start:start + CHECK_ROWS], queries, metric)
        nearer += (score < limits - 2 * rounding).sum(0)
    return nearer
