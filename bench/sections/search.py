"""An index in memory on one thread, without SQL: our lists of 4-bit codes against lists of whole vectors and against
codes whose tables lie in memory, at one recall and equal lists. No server.

bench/core/ivf_search.cpp is ours; the others are Faiss (--faiss). Queries per second of CPU time.
"""
import time
from functools import partial

import numpy as np

from sections import native
from sections.query import rate_on
from vqlab import datasets, indexes, measure, neighbours, report

TARGETS = (0.94, 0.98)
SECONDS = 0.3
ENOUGH = 0.99
PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
FROM = 0.85         # settings of less recall are not timed
TRAINING_ROWS, TRAINING_ROUNDS = 16384, 12    # of an 8-bit code: as ours
FACTORS = (2, 4)    # candidates reranked for each one wanted


class Curve:
    """One index's settings: {setting: recall}, and in each round {setting: queries/s}."""

    def __init__(self):
        self.recalls, self.rounds = {}, []

    def rate_at(self, number, target):
        """The best of the k_factors. One curve through all settings would fall from one k_factor's to a worse one's."""
        curves = {}
        for setting, recall in self.recalls.items():
            curves.setdefault(setting.partition(" ")[2], []).append((recall, self.rounds[number][setting]))
        rates = [rate_on(curve, target)[0] for curve in curves.values()]
        return max((rate for rate in rates if rate), default=None)

    def rows(self, name):
        for setting, recall in self.recalls.items():
            yield name, setting, f"{recall:.4f}", report.spread([rates[setting] for rates in self.rounds])


class Ours(Curve):
    def __init__(self, run_program, csv, probes=PROBES):
        super().__init__()
        self.run_program, self.csv, self.probes = run_program, csv, probes

    def measure(self):
        self.run_program(rounds=1, seconds=SECONDS, probes=",".join(map(str, self.probes)))
        rows = native.read(self.csv)
        self.recalls = {row["nprobe"]: float(row["recall"]) for row in rows}
        self.rounds.append({row["nprobe"]: float(row["qps"]) for row in rows})


class Theirs(Curve):
    def __init__(self, faiss, index, data, queries, k):
        super().__init__()
        self.faiss, self.index, self.k = faiss, index, k
        self.queries = [np.ascontiguousarray(row[None]) for row in queries]    # one at a time, as a database asks
        self.settings = {}
        for factor in FACTORS if isinstance(index, faiss.IndexRefine) else (None,):
            for nprobe in PROBES:
                self.choose(factor, nprobe)
                found = [[int(row) for row in ids if row >= 0] for ids in index.search(queries, k)[1]]
                recall = measure.recall(data, found, k)
                if recall >= FROM:
                    name = f"{nprobe}" + (f" k_factor {factor}" if factor else "")
                    self.settings[name], self.recalls[name] = (factor, nprobe), recall
                if recall > ENOUGH:
                    break

    def choose(self, factor, nprobe):
        if factor:
            self.index.k_factor = factor
        self.faiss.ParameterSpace().set_index_parameter(self.index, "nprobe", nprobe)

    def measure(self):
        self.rounds.append({name: self.rate(*setting) for name, setting in self.settings.items()})

    def rate(self, factor, nprobe):
        self.choose(factor, nprobe)
        done, start = 0, time.process_time()
        while time.process_time() - start < SECONDS:
            for _ in range(16):
                self.index.search(self.queries[done % len(self.queries)], self.k)
                done += 1
        return done / (time.process_time() - start)


def run(args, data, path):
    program = native.build("ivf_search", args.work)
    folder = native.folder_of(data, path, args)
    for lists in sorted({round(len(data.base) ** 0.5), indexes.our_lists(len(data.base))}):
        run_program = partial(native.run, program, folder, args, quiet=True, lists=lists)
        csv = f"{args.work}/search_{data.name}_{lists}.csv"
        curves = {f"ours, pq_dims {sub}": Ours(partial(run_program, sub=sub), csv) for sub in (4, 2)}
        if args.faiss:
            curves.update(faiss_curves(args, data, lists))
        for _ in range(args.rounds):
            for curve in curves.values():
                curve.measure()
        show(args, data, lists, curves)


def faiss_curves(args, data, lists):
    """Lists of whole vectors, and 8-bit codes of as many bytes as pq_dims 2 in the same lists, reranked."""
    import faiss    # installed only for --faiss
    base, queries = (neighbours.unit(x) if data.metric == "cosine" else x for x in (data.base, data.queries))
    metric = faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    faiss.omp_set_num_threads(2)
    whole = faiss.index_factory(data.dims, f"IVF{lists},Flat", metric)
    whole.train(base)
    coded = faiss.IndexIVFPQ(whole.quantizer, data.dims, lists, data.dims // 4, 8, metric)
    coded.pq.cp.max_points_per_centroid, coded.pq.cp.niter = TRAINING_ROWS // 256, TRAINING_ROUNDS
    coded.train(base)
    reranked = faiss.IndexRefineFlat(coded)
    reranked.train(base)
    whole.add(base)
    reranked.add(base)
    faiss.omp_set_num_threads(1)
    return {f"Faiss IVF{lists},Flat": Theirs(faiss, whole, data, queries, args.k),
            f"Faiss IVF{lists},PQ{data.dims // 4}x8,Refine(Flat)": Theirs(faiss, reranked, data, queries, args.k)}


def show(args, data, lists, curves):
    header = ("in memory", "nprobe", f"recall@{args.k}", "queries/s min/median/max")
    rows = [row for name, curve in curves.items() for row in curve.rows(name)]
    report.write_csv(f"{args.work}/search_side_{data.name}_{lists}.csv", header, rows)
    print("\n" + report.table(header, rows))
    ours = next(iter(curves))
    rows = []
    for target in TARGETS:
        for name, curve in curves.items():
            rates = [curve.rate_at(number, target) for number in range(args.rounds)]
            best = [curves[ours].rate_at(number, target) for number in range(args.rounds)]
            reached, compared = None not in rates, None not in rates + best
            rows.append((f"{name} at {target}", report.spread(rates) if reached else "not reached",
                         report.spread([b / r for b, r in zip(best, rates)], 2) if compared else ""))
    header = (f"{lists} lists, recall@{args.k}", "queries/s min/median/max", f"{ours}: times as many")
    report.write_csv(f"{args.work}/search_at_{data.name}_{lists}.csv", header, rows)
    print("\n" + report.table(header, rows), flush=True)
