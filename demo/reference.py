"""The same encoder in plain numpy, slow and short, for `demo/run.sh --self-test`."""
import math

import numpy as np

from minilm import DIMS, HEAD_DIMS, HEADS, LAYER_NORM_EPS, LAYERS, MiniLM, read_safetensors

SENTENCES = ("look inside network traffic captures", "A command-line packet sniffer.", "tcp",
             "Typesetting of mathematical formulas for people who would rather not write TeX by hand")
REPEATS = 50                                # wrong vectors have been seen to come now and then only
ENOUGH = {"f32": 0.99999, "bf16": 0.999}    # cosine to the reference


def layer_norm(x, weights, name):
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt((centred ** 2).mean(-1, keepdims=True) + LAYER_NORM_EPS)
    return centred / scale * weights[name + ".weight"] + weights[name + ".bias"]


def dense(x, weights, name):
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def attention(x, weights, prefix):
    query, key, value = (dense(x, weights, f"{prefix}.self.{part}").reshape(-1, HEADS, HEAD_DIMS).swapaxes(0, 1)
                         for part in ("query", "key", "value"))
    scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(HEAD_DIMS))
    mixed = (scores / scores.sum(-1, keepdims=True)) @ value
    joined = dense(mixed.swapaxes(0, 1).reshape(-1, DIMS), weights, prefix + ".output.dense")
    return layer_norm(joined + x, weights, prefix + ".output.LayerNorm")


def encode(ids, weights):
    x = (weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
         + weights["embeddings.position_embeddings.weight"][:len(ids)])
    x = layer_norm(x, weights, "embeddings.LayerNorm")
    erf = np.vectorize(math.erf)
    for index in range(LAYERS):
        prefix = f"encoder.layer.{index}"
        x = attention(x, weights, prefix + ".attention")
        wide = dense(x, weights, prefix + ".intermediate.dense")
        wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = layer_norm(dense(wide, weights, prefix + ".output.dense") + x, weights, prefix + ".output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def self_test(folder):
    """Raises SystemExit where the graph and the reference differ."""
    weights = read_safetensors(folder / "model.safetensors")
    model = MiniLM(folder)
    expected = np.array([encode(ids, weights) for ids in model.tokenize(SENTENCES)])
    worst = np.min([(model.embed(list(SENTENCES)) * expected).sum(1) for _ in range(REPEATS)], axis=0)
    for sentence, cosine in zip(SENTENCES, worst):
        print(f"cosine to the reference {cosine:.6f}  {sentence}")
        if cosine < ENOUGH[model.precision]:
            raise SystemExit("the graph differs from the reference")
    print(f"{len(SENTENCES)} passed, 0 failed")
