"""Our core in memory, one thread, one query a call, beside the best of what others have, each at its own best settings: scann-core (Google's ScaNN
without TensorFlow) as its autopilot builds it, rabitqlib (by the authors of RaBitQ) and Faiss's 4-bit product quantization. All compare the
candidates with whole vectors in the end. Queries a second of CPU time; no server.
"""
import time
from functools import partial

import numpy as np

from sections import native
from sections.search import Curve, Ours
from vqlab import indexes, measure, neighbours, report

TARGETS = (0.95, 0.97, 0.98)
SECONDS = 0.3
PROBES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
REORDERED = 30      # rows that scann-core compares exactly, for ten
FROM, ENOUGH = 0.85, 0.995
OURS = "ours, pq_dims 4"


class Peer(Curve):
    """ask(query, setting): row numbers for one query, a row of float32."""

    def __init__(self, data, queries, k, settings, ask):
        super().__init__()
        self.queries, self.ask, self.settings = queries, ask, {}
        for setting in settings:
            recall = measure.recall(data, [ask(query, setting) for query in queries], k)
            if recall >= FROM:
                self.settings[str(setting)], self.recalls[str(setting)] = setting, recall
            if recall > ENOUGH:
                break

    def measure(self):
        self.rounds.append({name: self.rate(setting) for name, setting in self.settings.items()})

    def rate(self, setting):
        done, start = 0, time.process_time()
        while time.process_time() - start < SECONDS:
            for _ in range(16):
                self.ask(self.queries[done % len(self.queries)], setting)
                done += 1
        return done / (time.process_time() - start)


def scann_core(base, metric, k):
    import scann    # installed only for this section, as the others
    index = scann.scann_ops_pybind.builder(base, k, "squared_l2" if metric == "l2" else "dot_product").autopilot().build()

    def ask(query, leaves):
        return index.search(query, final_num_neighbors=k, pre_reorder_num_neighbors=REORDERED, leaves_to_search=leaves)[0]
    return ask


def rabitqlib(base, metric, k):
    import rabitqlib as lib
    lists = round(len(base) ** 0.5)
    clusters = lib.RaBitQKMeans(base.shape[1], lists, num_threads=2, final_assignment=lib.FinalAssignmentMode.Exact)
    clusters.train(base)
    index = lib.IvfIndex(dim=base.shape[1], max_elements=len(base), num_clusters=lists, nbits=32, metric="l2" if metric == "l2" else "ip")
    index.build(base, clusters.centroids, clusters.assignments, num_threads=2)

    def ask(query, nprobe):
        return index.search(query[None], k, nprobe)[0][0]
    return ask


def faiss(base, metric, k):
    import faiss as lib
    lists, kind = round(len(base) ** 0.5), lib.METRIC_L2 if metric == "l2" else lib.METRIC_INNER_PRODUCT
    lib.omp_set_num_threads(2)
    index = lib.index_factory(base.shape[1], f"IVF{lists},PQ{base.shape[1] // 2}x4fs,RFlat", kind)
    index.train(base)
    index.add(base)
    lib.omp_set_num_threads(1)
    index.k_factor = 4
    space = lib.ParameterSpace()

    def ask(query, nprobe):
        space.set_index_parameter(index, "nprobe", nprobe)
        return index.search(query[None], k)[1][0]
    return ask


PEERS = {"scann-core 0.2.1, autopilot": scann_core, "rabitqlib 0.7.1": rabitqlib, "Faiss 1.15.1 IVF,PQx4fs,RFlat": faiss}


def run(args, data, path):
    program = native.build("ivf_search", args.work)
    folder = native.folder_of(data, path, args)
    lists = indexes.our_lists(len(data.base))
    curves = {}
    for name, options in ((OURS, {"codec": "pq4", "sub": 4}), ("ours, rabitq", {"codec": "rabitq"})):
        out = f"{args.work}/search_{data.name}_{lists}.csv"
        curves[name] = Ours(partial(native.run, program, folder, args, quiet=True, lists=lists, **options), out, (*PROBES, 192, 256))
    base, queries = (np.ascontiguousarray(neighbours.unit(x) if data.metric == "cosine" else x, np.float32) for x in (data.base, data.queries))
    for name, make in PEERS.items():
        print(f"building {name}", flush=True)
        curves[name] = Peer(data, list(queries), args.k, PROBES, make(base, data.metric, args.k))
    for _ in range(args.rounds):
        for curve in curves.values():
            curve.measure()
    show(args, data, curves)


def show(args, data, curves):
    rows = [row for name, curve in curves.items() for row in curve.rows(name)]
    header = ("in memory", "lists visited", f"recall@{args.k}", "queries/s min/median/max")
    report.write_csv(f"{args.work}/inprocess_{data.name}.csv", header, rows)
    print("\n" + report.table(header, rows))
    rows = []
    for target in TARGETS:
        for name, curve in curves.items():
            rates = [curve.rate_at(number, target) for number in range(args.rounds)]
            best = [curves[OURS].rate_at(number, target) for number in range(args.rounds)]
            reached = None not in rates
            rows.append((f"{name} at {target}", report.spread(rates) if reached else "not reached",
                         report.spread([ours / rate for ours, rate in zip(best, rates)], 2) if reached and None not in best else ""))
    header = (f"recall@{args.k}", "queries/s min/median/max", f"{OURS}: times as many")
    report.write_csv(f"{args.work}/inprocess_at_{data.name}.csv", header, rows)
    print("\n" + report.table(header, rows), flush=True)
