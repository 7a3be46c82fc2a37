"""What the server says of indexes that it trained anew while they were in use, and autovacuum as shipped."""
import re
from contextlib import contextmanager
from dataclasses import dataclass

LINE = re.compile(r'^(?P<time>[0-9.]+) LOG:  index "(?P<index>[^"]+)" was trained anew, because (?P<because>.*)$')
DETAIL = re.compile(r"DETAIL:  Rows: (?P<rows>\d+), lists: (?P<lists>\d+), time: (?P<seconds>[0-9.]+) s\.$")
WRONG = re.compile(r"(WARNING|ERROR|FATAL|PANIC):  (.*)$")
ENDED = "terminating connection due to administrator command"


@dataclass
class Run:
    """An index trained anew."""
    index: str
    ended: float      # seconds since the epoch
    because: str
    rows: int
    lists: int
    seconds: float


class Log:
    """The part of the server's log that is written from now on. Its lines begin with the time, as the settings below have it."""

    def __init__(self, server):
        self.path = server.log
        self.start = self.path.stat().st_size

    def lines(self):
        with open(self.path, encoding="utf-8", errors="replace") as f:
            f.seek(self.start)
            return f.read().splitlines()

    def runs(self):
        lines = self.lines()
        found = []
        for line, following in zip(lines, [*lines[1:], ""]):
            run, detail = LINE.match(line), DETAIL.search(following)
            if run and detail:
                found.append(Run(run["index"], float(run["time"]), run["because"], int(detail["rows"]), int(detail["lists"]),
                                 float(detail["seconds"])))
        return found

    def wrong(self):
        """Warnings and errors, but for the end of a client."""
        return [match[0] for match in map(WRONG.search, self.lines()) if match and match[2] != ENDED]


@contextmanager
def server_settings(connection, settings):
    """Of the whole server, until the block is left."""
    def reload(commands):
        for command in commands:
            connection.execute(f"ALTER SYSTEM {command}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        reload(f"SET {name} = '{value}'" for name, value in settings.items())
        yield
    finally:
        reload(f"RESET {name}" for name in settings)


def timed_log(connection):
    return server_settings(connection, {"log_line_prefix": "%n "})


def autovacuum(connection):
    """All else about it is as shipped: it comes to a database once a minute."""
    return server_settings(connection, {"autovacuum": "on"})


def at_work(connection, table):
    """Whether VACUUM or autovacuum is at the table."""
    return connection.execute("SELECT FROM pg_stat_progress_vacuum WHERE relid = %s::text::regclass", [table]).rowcount > 0


def stats(connection, index, *columns):
    return connection.execute(f"SELECT {', '.join(columns)} FROM vector_quant_index_stats(%s::text::regclass)", [index]).fetchone()
