"""A client that repeats a statement while something else happens that takes nobody knows how long."""
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .measure import pgbench_command, pgbench_environment

NAME = "vq_client"
FOREVER = 86_400    # seconds


@dataclass
class Phase:
    """What it did in some time."""
    rate: float    # statements a second
    p50_ms: float
    p99_ms: float
    slowest_ms: float


class Client:
    """script: as pgbench has it. The connection ends it."""

    def __init__(self, server, database, script, connection, settings=None):
        self.connection = connection
        self.folder = tempfile.TemporaryDirectory(prefix="vq-pgbench-")
        self.process = subprocess.Popen(
            pgbench_command(server, database, script, FOREVER, self.folder.name),
            env={**pgbench_environment(settings), "PGAPPNAME": NAME}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.ends = self.millis = None    # of every statement

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Without its connection it stops, and writes the rest of its log first."""
        early = self.process.poll() is not None
        self.connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [NAME])
        errors = self.process.communicate()[1]
        logs = [np.loadtxt(log, usecols=(2, 4, 5), ndmin=2) for log in Path(self.folder.name).glob("log.*") if os.path.getsize(log)]
        self.folder.cleanup()
        if early or not logs:
            raise RuntimeError("pgbench stopped by itself:\n" + errors[-2000:])
        micros, seconds, fraction = np.concatenate(logs).T
        self.ends, self.millis = seconds + fraction / 1e6, micros / 1e3

    def phase(self, start, end):
        """Of the statements that ended between two points of time.time()."""
        millis = self.millis[(self.ends >= start) & (self.ends < end)]
        if not len(millis):
            raise RuntimeError(f"no statement ended within {end - start:.1f} s")
        return Phase(len(millis) / (end - start), *np.percentile(millis, (50, 99)), millis.max())
