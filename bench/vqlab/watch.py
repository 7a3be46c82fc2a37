"""A build seen from beside: how long each of its phases takes, and how much memory at most."""
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from . import measure

PAUSE = 0.02    # seconds between looks
BUILD = """
    SELECT p.phase, p.pid, array(SELECT pid FROM pg_stat_activity WHERE leader_pid = p.pid)
    FROM pg_stat_progress_create_index p"""


@dataclass
class Phase:
    name: str
    seconds: float = 0
    mb: float = 0        # most of private memory of the build's processes at once, shared buffers left out, and of memory that they share


def shared_mb():
    """What parallel workers share: files of dynamic shared memory, where the server has it of that kind (posix)."""
    return sum(file.stat().st_blocks * 512 for file in Path("/dev/shm").glob("PostgreSQL.*")) / 1e6


def private_mb(pid):
    """0 of a process that has ended."""
    try:
        return measure.private_kb(pid) * 1024 / 1e6
    except (FileNotFoundError, ProcessLookupError, TypeError):
        return 0


class Watch:
    """Around a statement that builds an index on another connection: phases afterwards."""

    def __init__(self, server, database):
        self.connection = server.connect(database)
        self.phases = {}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look_until_over)

    def __enter__(self):
        self.base = shared_mb()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.connection.close()

    def look_until_over(self):
        last = time.monotonic()
        while not self.over.wait(PAUSE):
            build = self.connection.execute(BUILD).fetchone()
            now = time.monotonic()
            if build:
                self.note(build, now - last)
            last = now

    def note(self, build, seconds):
        name, leader, workers = build
        phase = self.phases.setdefault(name, Phase(name))
        phase.seconds += seconds
        phase.mb = max(phase.mb, sum(map(private_mb, [leader, *workers])) + shared_mb() - self.base)
