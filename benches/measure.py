"""Starts one server, loads it with wsload, and says what came of it."""

import ctypes
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from cases import BUILT

# The load generator is one client, and not a polite one.
CONFIG = "[limits]\nmessages_per_second = 0\n"


LIBC = ctypes.CDLL(None)


class Failure(Exception):
    """A server or the load generator did not do what it should; the text says what."""


def run(server, case, message_len, programs, options):
    """One run of one server; the result is what wsload printed, as a dictionary."""
    with Running(server, message_len, programs) as running:
        result = load(running, case, case.size if server.is_chat else message_len, options)
        if server.is_chat:
            result |= commit_times(running.admin)
        return result


class Running:
    """A server that listens; its data, if any, is on disk and not in memory, since fsync counts."""

    def __init__(self, server, message_len, programs):
        self.server = server
        self.data = Path(tempfile.mkdtemp(dir=BUILT, prefix="data-"))
        config = self.data / "config.toml"
        config.write_text(CONFIG, encoding="utf-8")
        self.port, self.admin = free_ports(2)
        command = server.command.format(
            **programs,
            port=self.port,
            admin=self.admin,
            size=message_len,
            data=self.data / "chat",
            config=config,
        )
        self.log = (self.data / "log").open("w+", encoding="utf-8")
        try:
            self.process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                preexec_fn=lambda: prepare(server.cpus),
            )
        except OSError as error:
            self.clean_up()
            raise Failure(f"it can't be started: {error}") from error

    def __enter__(self):
        listening = f":{self.port:04X} 00000000:0000 0A"
        for _ in range(500):
            if self.process.poll() is not None:
                self.log.seek(0)
                reason = " ".join(self.log.read().split())[:300]
                self.__exit__()
                raise Failure(f"it ended with {self.process.returncode}: {reason}")
            # Looked for instead of tried: a connection would be one more client.
            if listening in Path("/proc/net/tcp").read_text(encoding="ascii"):
                return self
            time.sleep(0.02)
        self.__exit__()
        raise Failure("it does not listen")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.clean_up()

    def clean_up(self):
        self.log.close()
        shutil.rmtree(self.data)


def load(running, case, size, options):
    server = running.server
    scheme = "wss" if server.tls else "ws"
    command = [BUILT / "wsload", server.mode, "--pid", running.process.pid, "--json"]
    command += ["--url", f"{scheme}://127.0.0.1:{running.port}{server.path}"]
    if server.mode == "idle":
        command += ["--conns", case.connections]
        if server.is_chat:
            command += ["--subprotocol", "chinwag.v1"]
    else:
        command += ["--size", size, "--secs", options.secs, "--warmup", 0.3]
        command += {
            "echo": ["--conns", case.connections, "--pipeline", case.in_flight],
            # The publisher is a receiver too.
            "fanout": ["--subs", case.connections - 1, "--window", case.in_flight],
            "chat": ["--members", case.connections, "--window", case.in_flight],
        }[server.mode]
    if server.raw:
        command.append("--raw")
    elif server.mode in ("echo", "fanout") and not options.binary:
        command.append("--text")
    try:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            preexec_fn=lambda: prepare([1]),
        )
    except subprocess.TimeoutExpired as expired:
        raise Failure("the load generator did not come to an end") from expired
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    return json.loads(done.stdout)


def commit_times(admin_port):
    """The mean of the server's commits, and their 99th percentile as its histogram knows it."""
    try:
        address = f"http://127.0.0.1:{admin_port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
    except OSError as error:
        raise Failure(f"its metrics can't be read: {error}") from error
    name = "chinwag_commit_seconds"
    values = dict(line.rsplit(" ", 1) for line in lines if line.startswith(name))
    count = float(values.get(f"{name}_count", 0))
    if count == 0:
        # Nobody has said anything.
        return {}
    p99, lower_bound, below = 0.0, 0.0, 0.0
    for key, value in values.items():
        if not key.startswith(f"{name}_bucket"):
            continue
        bound, up_to = key.split('"')[1], float(value)
        if up_to >= 0.99 * count:
            # Between the bounds of its bucket, as if the bucket's times were spread evenly.
            width = 0.0 if bound == "+Inf" else float(bound) - lower_bound
            p99 = lower_bound + width * (0.99 * count - below) / (up_to - below)
            break
        lower_bound, below = float(bound), up_to
    return {
        "commit_mean_us": float(values[f"{name}_sum"]) / count * 1e6,
        "commit_p99_us": p99 * 1e6,
    }


def free_ports(count):
    listeners = [socket.socket() for _ in range(count)]
    try:
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def begin_session():
    """Puts this session ahead of others' work on the machine, where that is allowed."""
    # In a session of its own the terminal's interrupt does not come, but takes the parent.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("interrupted"))
    end_with_parent(signal.SIGTERM)
    try:
        Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    except OSError as error:
        print(
            f"note: other work on this machine weighs as much as the measurement ({error})",
            file=sys.stderr,
        )


def prepare(cpus):
    """Keeps the process on some CPUs, with slices of 0.1 ms so that a wake-up waits for nobody."""
    end_with_parent(signal.SIGKILL)
    os.sched_setaffinity(0, {cpu % os.cpu_count() for cpu in cpus})
    sched_setattr = {"x86_64": 314, "aarch64": 274}.get(os.uname().machine)
    if sched_setattr:
        # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period.
        # It fails without the right to it, and then the defaults stay.
        attributes = struct.pack("IIQiIQQQ", 48, 0, 0, -20, 0, 100_000, 0, 0)
        LIBC.syscall(sched_setattr, 0, attributes, 0)


def end_with_parent(by_signal):
    set_parent_death_signal = 1
    LIBC.prctl(set_parent_death_signal, int(by_signal), 0, 0, 0)
