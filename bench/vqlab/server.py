"""A private PostgreSQL server: own data directory, a Unix socket and no network, stopped when the block is left."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

# PostgreSQL refuses to run as root, and its own user cannot reach a checkout under /root: the server runs as
# postgres with the one capability that lets it pass through such folders.
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
               "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def memory_mb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def default_settings():
    """One client on an otherwise idle server. Durability is left as shipped except that commits don't wait."""
    roomy_shm = shutil.disk_usage("/dev/shm").free > 2 << 30
    return {
        "shared_buffers": f"{min(memory_mb() // 4, 6144)}MB",
        "maintenance_work_mem": f"{min(memory_mb() // 8, 1024)}MB",
        "max_wal_size": "16GB",
        "checkpoint_timeout": "1h",
        "synchronous_commit": "off",
        "autovacuum": "off",
        "jit": "off",
        "dynamic_shared_memory_type": "posix" if roomy_shm else "mmap",
    }


class Server:
    def __init__(self, folder, pg_config="pg_config", settings=None):
        self.folder = Path(folder).resolve()
        self.data = self.folder / "data"
        self.log = self.folder / "postgresql.log"
        self.bin, shared = (Path(folder) for folder in subprocess.check_output(
            [pg_config, "--bindir", "--sharedir"], text=True).splitlines())
        # VectorChord's index exists only in a server that has loaded its library from the start.
        preloaded = {"shared_preload_libraries": "vchord"} if (shared / "extension/vchord.control").exists() else {}
        self.settings = {**default_settings(), **preloaded, **(settings or {})}
        self.socket = None
        self.user = "postgres"

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(143))           # so that __exit__ runs
        signal.signal(signal.SIGINT, signal.default_int_handler)      # a background job would ignore it
        self.clean_up()                                               # left over from a killed run
        try:
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)    # a second Ctrl-C must not leave it running
        self.clean_up()

    def clean_up(self):
        """Stops the server of this data directory and removes what it left."""
        try:
            self.stop("immediate")
        except RuntimeError:
            self.stop("immediate")    # another stop was quicker: then the pid file is gone, or it is stale
        finally:
            socket_note = self.folder / "socket"
            if socket_note.exists():
                shutil.rmtree(socket_note.read_text(encoding="utf-8"), ignore_errors=True)
                socket_note.unlink()
            shutil.rmtree(self.data, ignore_errors=True)

    def prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = tempfile.mkdtemp(prefix="vq-", dir="/tmp")    # a socket's path has 107 bytes at most
        (self.folder / "socket").write_text(self.socket, encoding="utf-8")
        self.data.mkdir(mode=0o700)
        self.log.touch()
        if os.geteuid() == 0:
            for path in (self.data, self.log, self.socket):
                shutil.chown(path, "postgres", "postgres")
        self.run("initdb", "-D", self.data, "-U", self.user, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        lines = {**self.settings, "listen_addresses": "", "unix_socket_directories": self.socket}
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as f:
            f.writelines(f"{name} = '{value}'\n" for name, value in lines.items())

    def run(self, program, *arguments, accept=(0,)):
        """A PostgreSQL program as the server's user, away from the caller's folder, which that user may not enter."""
        drop = AS_POSTGRES if os.geteuid() == 0 else []
        done = subprocess.run([*drop, self.bin / program, *map(str, arguments)], cwd="/", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode not in accept:
            raise RuntimeError(f"{program} failed:\n{done.stdout}")
        return done.stdout

    def start(self):
        # pg_ctl's children keep its output open: a pipe would never close, so it gets none.
        drop = AS_POSTGRES if os.geteuid() == 0 else []
        done = subprocess.run([*drop, self.bin / "pg_ctl", "-D", self.data, "-l", self.log, "-w", "-s", "start"],
                              cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise RuntimeError("the server did not start:\n" + self.log.read_text(encoding="utf-8")[-2000:])

    def stop(self, mode="fast"):
        """Nothing where no server has this data directory; its pid file alone may outlive a power cut."""
        if (self.data / "postmaster.pid").exists() and self.running():
            self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-s", "stop")

    def running(self):
        return "server is running" in self.run("pg_ctl", "-D", self.data, "status", accept=(0, 3))

    def connect(self, database="postgres"):
        return psycopg.connect(host=self.socket, user=self.user, dbname=database, autocommit=True)

    def create_database(self, name, extension):
        """False where the extension is not installed."""
        with self.connect() as connection:
            known = connection.execute("SELECT FROM pg_available_extensions WHERE name = %s", [extension])
            if not known.rowcount:
                return False
            connection.execute(f"CREATE DATABASE {name}")
        with self.connect(name) as connection:
            connection.execute(f"CREATE EXTENSION {extension} CASCADE")
        return True

    def describe(self):
        with self.connect() as connection:
            version = connection.execute("SHOW server_version").fetchone()[0]
        return f"PostgreSQL {version}, " + json.dumps(self.settings)[1:-1].replace('"', "")
