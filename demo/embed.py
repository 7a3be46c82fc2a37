"""Embeds texts through a cache on disk: a second run, or one after an interruption, computes only what is new."""
import hashlib
import sys
import time
from pathlib import Path

import numpy as np

from minilm import DIMS, MiniLM

TEXTS_A_SAVE = 8192     # an interrupted run loses at most these
KEY_BYTES = 16


class Cache:
    """Two files that grow by appending: keys (16 bytes a text) and vectors (384 float32 a text)."""

    def __init__(self, folder, stem):
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.key_file = Path(folder) / f"{stem}.keys"
        self.vector_file = Path(folder) / f"{stem}.f32"
        self.row_of = {}
        self.vectors = np.empty((0, DIMS), np.float32)
        self.load()

    def load(self):
        if not (self.key_file.exists() and self.vector_file.exists()):
            return
        keys = self.key_file.read_bytes()
        rows = min(len(keys) // KEY_BYTES, self.vector_file.stat().st_size // (4 * DIMS))
        self.vectors = np.fromfile(self.vector_file, np.float32, rows * DIMS).reshape(rows, DIMS)
        self.row_of = {keys[i * KEY_BYTES:(i + 1) * KEY_BYTES]: i for i in range(rows)}

    def append(self, keys, vectors):
        """Rewrites the tail from the last complete row on: an earlier run may have died inside a write."""
        rows = len(self.vectors)
        for path, size, data in ((self.vector_file, 4 * DIMS, vectors.tobytes()),
                                 (self.key_file, KEY_BYTES, b"".join(keys))):
            with open(path, "r+b" if path.exists() else "wb") as f:
                f.truncate(rows * size)
                f.seek(rows * size)
                f.write(data)
        self.row_of.update((key, rows + i) for i, key in enumerate(keys))
        self.vectors = np.concatenate([self.vectors, vectors])


class Progress:
    """One line on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, total_texts):
        self.total_texts = total_texts
        self.texts = self.tokens = 0
        self.start = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def add(self, texts, tokens):
        self.texts += texts
        self.tokens += tokens
        now = time.monotonic()
        if self.texts == self.total_texts or now - self.shown > (0.2 if self.terminal else 10):
            self.shown = now
            self.show(now - self.start)

    def show(self, seconds):
        share = self.texts / self.total_texts
        bar = ("#" * int(30 * share)).ljust(30, ".")
        left = seconds / share - seconds
        line = (f"  [{bar}] {self.texts:,}/{self.total_texts:,} texts  {self.tokens / seconds:,.0f} tokens/s  "
                f"{int(left) // 60}:{int(left) % 60:02d} left")
        end = "\n" if not self.terminal or self.texts == self.total_texts else ""
        print(("\r" if self.terminal else "") + line, end=end, file=sys.stderr, flush=True)


def key_of(text):
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]


def embed_all(texts, cache_folder, model_folder, max_tokens=96):
    """float32 [len(texts), 384], unit norm. Equal texts are embedded once."""
    cache = Cache(cache_folder, f"minilm-l6-v2-{max_tokens}")
    keys = [key_of(text) for text in texts]
    missing = {key: text for key, text in zip(keys, texts) if key not in cache.row_of}
    if missing:
        compute(missing, cache, MiniLM(model_folder, max_tokens))
    return cache.vectors[[cache.row_of[key] for key in keys]]


def compute(missing, cache, model):
    print(f"  {len(missing):,} new texts, {model.precision} on {model.threads} threads", file=sys.stderr)
    progress = Progress(len(missing))
    keys = list(missing)
    for start in range(0, len(keys), TEXTS_A_SAVE):
        part = keys[start:start + TEXTS_A_SAVE]
        cache.append(part, model.embed([missing[key] for key in part], progress.add))
