"""A large set that is as hard as a real one: drawn from a model of it, cluster by cluster, with exact neighbours.

    PYTHONPATH=bench build/bench/venv/bin/python -m vqlab.generate FOLDER OUT [--rows 1000000] [--queries 1000] [--dims 96]

Rows: the real set's clusters in their shares. A row is its cluster's mean and a Gaussian of the cluster's covariance (RANK
principal directions, and what is beyond them as noise of each dimension), as long as a real row's residual of that cluster:
Gaussians alone have no near and no far rows. Queries: the same from the real queries, whose residuals of the nearest mean
have one covariance for all clusters, because there are few of a cluster. Cosine sets only; rows are unit vectors.
"""
import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqlab import datasets, neighbours, report

CLUSTERS, RANK = 100, 64    # 1000 and 32: lists of arxiv-minilm-384 would need half the rows read that the real ones do
ROUNDS = 6             # of Lloyd's algorithm
BLOCK = 16_384         # rows at a time: 64 MB of scores for 1,000 queries
NEIGHBOURS = 100
CHECKED = 200          # queries, for the check


@dataclass
class Residuals:
    """Around one centre, or around each of many."""
    mean: np.ndarray
    axes: np.ndarray       # RANK rows, as long as their standard deviations
    noise: np.ndarray      # standard deviation of each dimension beyond them
    lengths: np.ndarray    # of the real residuals, over what a Gaussian's would be on average

    @classmethod
    def of(cls, rows):
        mean = rows.mean(0)
        centred = rows - mean
        _, scale, directions = np.linalg.svd(centred / np.sqrt(len(rows)), full_matrices=False)
        axes = scale[:RANK, None] * directions[:RANK]
        noise = np.sqrt(np.maximum((centred ** 2).mean(0) - (axes ** 2).sum(0), 0))
        lengths = np.linalg.norm(centred, axis=1) / max(np.sqrt((centred ** 2).sum(1).mean()), 1e-12)
        return cls(mean, axes, noise, lengths)

    def draw(self, count, random):
        coordinates = random.standard_normal((count, len(self.axes)), np.float32)
        points = coordinates @ self.axes + self.noise * random.standard_normal((count, len(self.noise)), np.float32)
        usual = np.sqrt((self.axes ** 2).sum() + (self.noise ** 2).sum())
        wanted = random.choice(self.lengths, count)[:, None] * usual
        return (self.mean + points * (wanted / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12))
                ).astype(np.float32)


@dataclass
class Model:
    centres: np.ndarray
    shares: np.ndarray          # of the rows, a cluster
    clusters: list              # Residuals of rows, mean included
    query_shares: np.ndarray
    queries: Residuals          # of queries against the nearest centre

    @classmethod
    def of(cls, base, queries, random):
        centres, nearest = cluster(base, random)
        shares = np.bincount(nearest, minlength=len(centres)) / len(base)
        clusters = [Residuals.of(base[nearest == c]) if shares[c] else None for c in range(len(centres))]
        of_query = (queries @ centres.T - (centres ** 2).sum(1) / 2).argmax(1)
        query_shares = np.bincount(of_query, minlength=len(centres)) / len(queries)
        return cls(centres, shares, clusters, query_shares, Residuals.of(queries - centres[of_query]))

    def rows(self, count, random):
        """In random order."""
        chosen = random.choice(len(self.shares), count, p=self.shares)
        out = np.empty((count, self.centres.shape[1]), np.float32)
        for c in np.unique(chosen):
            at = np.flatnonzero(chosen == c)
            out[at] = self.clusters[c].draw(len(at), random)
        return neighbours.unit(out)

    def some_queries(self, count, random):
        chosen = random.choice(len(self.query_shares), count, p=self.query_shares)
        return neighbours.unit(self.centres[chosen] + self.queries.draw(count, random))


def cluster(rows, random):
    centres = rows[random.choice(len(rows), min(CLUSTERS, len(rows) // 10), replace=False)].copy()
    for _ in range(ROUNDS):
        half = (centres ** 2).sum(1) / 2
        nearest = np.concatenate([(rows[i:i + BLOCK] @ centres.T - half).argmax(1)
                                  for i in range(0, len(rows), BLOCK)])
        order = np.argsort(nearest, kind="stable")
        found, first = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(rows[order], first)
        centres[found] = sums / np.diff([*first, len(rows)])[:, None]
    return centres, nearest


def exact(base, queries, k):
    """Row numbers of the k rows of the greatest product, nearest first; base is read a block at a time."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    ids = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(base), BLOCK):
        score = queries @ neighbours.unit(np.asarray(base[start:start + BLOCK], np.float32)).T
        near = np.argpartition(-score, min(k, score.shape[1]) - 1, axis=1)[:, :k]
        both = np.hstack([best, np.take_along_axis(score, near, 1)])
        numbers = np.hstack([ids, near + start])
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        best, ids = np.take_along_axis(both, order, 1), np.take_along_axis(numbers, order, 1)
    return ids, best


def reduced(base, queries, dims):
    """Both in the dims principal directions of the base."""
    if not dims:
        return base, queries
    _, directions = np.linalg.eigh(base.T @ base)
    axes = directions[:, ::-1][:, :dims]
    return neighbours.unit(base @ axes), neighbours.unit(queries @ axes)


def make(source, folder, rows, queries, dims=None, seed=11):
    """Writes base_f16.npy, query_f16.npy and gt_cos_k100.npy, unless they are there; returns the folder. dims: fewer than the set
    has."""
    folder = Path(folder)
    truth = folder / f"gt_cos_k{NEIGHBOURS}.npy"    # written last
    if truth.exists():
        return folder
    real = datasets.load(source)
    if real.metric != "cosine":
        raise SystemExit(f"{source}: only sets of unit vectors have a model")
    random = np.random.default_rng(seed)
    every_query = np.asarray(datasets.load(source, "cosine", queries=10 ** 9).queries)
    model = Model.of(*reduced(neighbours.unit(real.base), neighbours.unit(every_query), dims), random)
    folder.mkdir(parents=True, exist_ok=True)
    base = np.lib.format.open_memmap(folder / "base_f16.npy", "w+", np.float16, (rows, dims or real.dims))
    for start in range(0, rows, 8 * BLOCK):
        base[start:start + 8 * BLOCK] = model.rows(min(8 * BLOCK, rows - start), random)
    asked = model.some_queries(queries, random).astype(np.float16)
    np.save(folder / "query_f16.npy", asked)
    base.flush()
    ids, _ = exact(base, neighbours.unit(asked.astype(np.float32)), NEIGHBOURS)
    np.save(truth, ids.astype(np.int32))
    return folder


def make_reduced(source, folder, queries, dims):
    """As make, but the real rows and queries, in the real set's first dims principal directions: vectors of few dimensions."""
    folder = Path(folder)
    truth = folder / f"gt_cos_k{NEIGHBOURS}.npy"    # written last
    if truth.exists():
        return folder
    real = datasets.load(source, "cosine", queries=queries)
    base, asked = reduced(neighbours.unit(real.base), neighbours.unit(real.queries), dims)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "base_f32.npy", base.astype(np.float32))
    np.save(folder / "query_f32.npy", asked.astype(np.float32))
    ids, _ = exact(base, asked, NEIGHBOURS)
    np.save(truth, ids.astype(np.int32))
    return folder


def contrast(folder):
    """Cosine distances of the 1st, 10th and 100th neighbour over the mean distance; medians of some queries."""
    data = datasets.load(folder)
    queries, base = neighbours.unit(data.queries[:CHECKED]), data.base
    _, near = exact(base, queries, NEIGHBOURS)
    mean = 1 - queries @ neighbours.unit(base[::max(1, len(base) // BLOCK)]).mean(0)
    return [f"{np.median((1 - near[:, n - 1]) / mean):.3f}" for n in (1, 10, NEIGHBOURS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="folder of the real set")
    parser.add_argument("out")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--dims", type=int)
    args = parser.parse_args()
    folder = make(args.source, args.out, args.rows, args.queries, args.dims)
    print(report.table(("set", "1st / mean distance", "10th", f"{NEIGHBOURS}th"),
                       [(Path(path).name, *contrast(path)) for path in (args.source, folder)]))


if __name__ == "__main__":
    main()
