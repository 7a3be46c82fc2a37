"""all-MiniLM-L6-v2 on the CPU: an OpenVINO graph built straight from the published weights.

A 6-layer BERT encoder of width 384, mean-pooled and L2-normalised. Texts that have the same number of tokens share
a batch, so the graph knows neither padding nor attention masks.
"""
import json
import os
import struct
import time
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as op
from tokenizers import Tokenizer

DIMS = 384
LAYERS = 6
HEADS = 12
HEAD_DIMS = DIMS // HEADS
LAYER_NORM_EPS = 1e-12    # config.json of the model
TOKENS_A_BATCH = 4096     # enough for every thread to get a share of each operation


def read_safetensors(path):
    """Name -> array, memory-mapped. The file is a u64 length, a JSON directory and the raw little-endian tensors."""
    with open(path, "rb") as f:
        directory_bytes = struct.unpack("<Q", f.read(8))[0]
        directory = json.loads(f.read(directory_bytes))
    raw = np.memmap(path, np.uint8, "r", offset=8 + directory_bytes)
    types = {"F32": np.float32, "I64": np.int64}
    directory.pop("__metadata__", None)
    return {name: raw[slice(*t["data_offsets"])].view(types[t["dtype"]]).reshape(t["shape"])
            for name, t in directory.items()}


class Graph:
    """Builds the encoder out of OpenVINO operations; every method adds one named part of BERT."""

    def __init__(self, weights):
        self.weights = weights

    def constant(self, name):
        return op.constant(np.ascontiguousarray(self.weights[name]))

    def dense(self, x, name):
        product = op.matmul(x, self.constant(name + ".weight"), False, True)
        return op.add(product, self.constant(name + ".bias"))

    def layer_norm(self, x, name):
        normed = op.mvn(x, op.constant(np.array([-1], np.int64)), True, LAYER_NORM_EPS, "inside_sqrt")
        return op.add(op.multiply(normed, self.constant(name + ".weight")), self.constant(name + ".bias"))

    def embed(self, ids):
        """Token + position + type 0; position i is row i because every text starts at 0."""
        axis = op.constant(np.int64(0))
        words = op.gather(self.constant("embeddings.word_embeddings.weight"), ids, axis)
        length = op.gather(op.shape_of(ids, "i64"), op.constant(np.int64(1)), axis)
        steps = op.range(op.constant(np.int64(0)), length, op.constant(np.int64(1)), "i64")
        places = op.gather(self.constant("embeddings.position_embeddings.weight"), steps, axis)
        kind = op.constant(np.ascontiguousarray(self.weights["embeddings.token_type_embeddings.weight"][0]))
        return self.layer_norm(op.add(op.add(words, kind), places), "embeddings.LayerNorm")

    def heads(self, x, name):
        """[batch, tokens, 384] -> [batch, head, tokens, 32]"""
        split = op.reshape(self.dense(x, name), op.constant(np.array([0, 0, HEADS, HEAD_DIMS], np.int64)), True)
        return op.transpose(split, op.constant(np.array([0, 2, 1, 3], np.int64)))

    def attention(self, x, prefix):
        query, key, value = (self.heads(x, f"{prefix}.self.{part}") for part in ("query", "key", "value"))
        mixed = op.transpose(op.scaled_dot_product_attention(query, key, value),
                             op.constant(np.array([0, 2, 1, 3], np.int64)))
        joined = op.reshape(mixed, op.constant(np.array([0, 0, DIMS], np.int64)), True)
        return self.layer_norm(op.add(self.dense(joined, prefix + ".output.dense"), x),
                               prefix + ".output.LayerNorm")

    def layer(self, x, index):
        prefix = f"encoder.layer.{index}"
        x = self.attention(x, prefix + ".attention")
        wide = op.gelu(self.dense(x, prefix + ".intermediate.dense"), "erf")
        return self.layer_norm(op.add(self.dense(wide, prefix + ".output.dense"), x), prefix + ".output.LayerNorm")

    def model(self):
        ids = op.parameter([-1, -1], np.int32, name="ids")
        x = self.embed(ids)
        for index in range(LAYERS):
            x = self.layer(x, index)
        mean = op.reduce_mean(x, op.constant(np.array([1], np.int64)), False)
        unit = op.normalize_l2(mean, op.constant(np.array([1], np.int64)), 1e-12, "max")
        return ov.Model([unit], [ids], "all-MiniLM-L6-v2")


def pick_precision(model, threads):
    """bfloat16 or float32, whichever embeds a sample batch sooner: bfloat16 is made for speed, yet a processor that
    has AVX512-BF16 without AMX may be slower with it (7,000 against 12,000 tokens/s, Emerald Rapids, AMX masked)."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    if "avx512_bf16" not in flags and "amx_bf16" not in flags:
        return "f32", compile_model(model, threads, "f32")
    compiled = {precision: compile_model(model, threads, precision) for precision in ("f32", "bf16")}
    sample = np.full((TOKENS_A_BATCH // 64, 64), 2000, np.int32)
    seconds = dict.fromkeys(compiled, np.inf)
    for _ in range(4):
        for precision, candidate in compiled.items():
            start = time.monotonic()
            candidate({0: sample})
            seconds[precision] = min(seconds[precision], time.monotonic() - start)
    best = min(seconds, key=seconds.get)
    return best, compiled[best]


def compile_model(model, threads, precision):
    """One stream: with two, OpenVINO 2026.4 now and then gives wrong vectors for batches of changing shape (in 11 to
    33 of 150 short runs on a busy machine); one stream did in none of 500."""
    return ov.Core().compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1})


class MiniLM:
    """Embeds texts; `folder` holds model.safetensors and tokenizer.json."""

    def __init__(self, folder, max_tokens=128, threads=None):
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)
        self.threads = threads or len(os.sched_getaffinity(0))
        model = Graph(read_safetensors(Path(folder) / "model.safetensors")).model()
        self.precision, self.compiled = pick_precision(model, self.threads)

    def tokenize(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch_fast(texts)]

    def embed(self, texts, progress=None):
        """float32 [len(texts), 384] of unit norm; progress(texts, tokens) is told of every finished batch."""
        tokens = self.tokenize(texts)
        out = np.empty((len(texts), DIMS), np.float32)

        request = self.compiled.create_infer_request()
        for rows in batches(tokens):
            out[rows] = request.infer({0: np.array([tokens[row] for row in rows], np.int32)})[0]
            if progress:
                progress(len(rows), len(rows) * len(tokens[rows[0]]))
        return out


def batches(tokens):
    """Row numbers in groups of equal token count, longest first so that the estimate of the time left errs high."""
    order = sorted(range(len(tokens)), key=lambda row: -len(tokens[row]))
    start = 0
    while start < len(order):
        length = len(tokens[order[start]])
        stop = start
        while stop < len(order) and len(tokens[order[stop]]) == length and (stop - start) * length < TOKENS_A_BATCH:
            stop += 1
        yield order[start:stop]
        start = stop
