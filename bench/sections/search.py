"""An index in memory on one thread, without SQL: our lists of 4-bit codes against lists of whole vectors and against
codes whose tables lie in memory, at one recall and equal lists. No server.

bench/core/ivf_search.cpp is ours; the others are Faiss (--faiss). Queries per second of CPU time.
"""
import statistics
import time

import numpy as np

from sections import native
from sections.query import rate_on
from vqlab import datasets, indexes, measure, report

TARGETS = (0.94, 0.98)
SECONDS = 0.3
ROUNDS = 3
ENOUGH = 0.99
PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FROM = 0.85         # settings of less recall are not timed
TRAINING_ROWS, ROUNDS_OF_TRAINING = 16384, 12    # of an 8-bit code: as ours
FACTORS = (2, 4)    # candidates reranked for each one wanted


def run(args, data, path):
    program = native.build("ivf_search", args.work)
    folder = native.folder_of(data, path, args)
    for lists in sorted({round(len(data.base) ** 0.5), indexes.our_lists(len(data.base))}):
        curves = {}
        for sub in (2, 4):
            native.run(program, folder, args, quiet=True, lists=lists, sub=sub,
                       probes=",".join(map(str, PROBES)))
            ours = native.read(f"{args.work}/search_{data.name}_{lists}.csv")
            curves[f"ours, pq_dims {sub}"] = [(row["nprobe"], float(row["recall"]), float(row["qps"])) for row in ours]
        if args.faiss:
            curves.update(faiss_curves(args, data, lists))
        show(args, data, lists, curves)


def faiss_curves(args, data, lists):
    """Lists of whole vectors, and 8-bit codes of as many bytes as ours in the same lists, reranked."""
    import faiss    # installed only for --faiss
    base, queries = (datasets.unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
    metric = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    faiss.omp_set_num_threads(2)
    whole = faiss.index_factory(data.dims, f"IVF{lists},Flat", metric)
    whole.train(base)
    coded = faiss.IndexIVFPQ(whole.quantizer, data.dims, lists, data.dims // 4, 8, metric)
    coded.pq.cp.max_points_per_centroid, coded.pq.cp.niter = TRAINING_ROWS // 256, ROUNDS_OF_TRAINING
    coded.train(base)
    reranked = faiss.IndexRefineFlat(coded)
    reranked.train(base)
    for name, index in (("Flat", whole), (f"PQ{data.dims // 4}x8,Refine(Flat)", reranked)):
        faiss.omp_set_num_threads(2)
        index.add(base)
        faiss.omp_set_num_threads(1)
        yield f"Faiss IVF{lists},{name}", list(faiss_sweep(faiss, index, data, queries, args.k))


def faiss_sweep(faiss, index, data, queries, k):
    for factor in FACTORS if isinstance(index, faiss.IndexRefine) else (None,):
        if factor:
            index.k_factor = factor
        for nprobe in PROBES:
            faiss.ParameterSpace().set_index_parameter(index, "nprobe", nprobe)
            found = [[int(row) for row in ids if row >= 0] for ids in index.search(queries, k)[1]]
            recall = measure.recall(data, found, k)
            if recall < FROM:
                continue
            rate = statistics.median(rate_of(index, queries, k) for _ in range(ROUNDS))
            yield f"{nprobe}" + (f" k_factor {factor}" if factor else ""), recall, rate
            if recall > ENOUGH:
                break


def rate_of(index, queries, k):
    """One query at a time, as a database asks."""
    done, start = 0, time.process_time()
    rows = [np.ascontiguousarray(row[None]) for row in queries]
    while time.process_time() - start < SECONDS:
        for _ in range(16):
            index.search(rows[done % len(rows)], k)
            done += 1
    return done / (time.process_time() - start)


def show(args, data, lists, curves):
    header = ("in memory", "nprobe", f"recall@{args.k}", "queries/s")
    rows = [(name, setting, f"{recall:.4f}", f"{rate:,.0f}")
            for name, curve in curves.items() for setting, recall, rate in curve]
    report.write_csv(f"{args.work}/search_side_{data.name}_{lists}.csv", header, rows)
    print("\n" + report.table(header, rows))
    rates = {(name, target): rate_on([point[1:] for point in curve], target)[0]
             for name, curve in curves.items() for target in TARGETS}
    rows = []
    for target in TARGETS:
        ours = next(iter(curves))
        for name in curves:
            rate = rates[name, target]
            factor = f"{rates[ours, target] / rate:.2f}" if rate and rates[ours, target] else ""
            rows.append((f"{name} at {target}", f"{rate:,.0f}" if rate else "not reached", factor))
    header = (f"{lists} lists, recall@{args.k}", "queries/s", f"{next(iter(curves))}: times as many")
    report.write_csv(f"{args.work}/search_at_{data.name}_{lists}.csv", header, rows)
    print("\n" + report.table(header, rows))
