#!/usr/bin/env python3
"""Measures servers side by side with wsload; `benches/run` builds them first.

Servers take turns (A B C, A B C, ...), so that a slow minute of the machine strikes all alike. Each
has CPU 0, the load generator has CPU 1. Only processes started here are ended.
"""

import argparse
import ctypes
import json
import os
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report

HERE = Path(__file__).resolve().parent
BUILT = HERE / "target/release"
CHINWAG = HERE.parent / "target/release/chinwag"
RAW = "raw epoll"

# {port} is filled in, and {size}, the length of a message, for servers that know no frames; {data}
# is an empty directory and {config} the chat's configuration.
ECHO = {
    "chinwag": f"{CHINWAG} echo --listen 127.0.0.1:{{port}} --threads 1 --broadcast",
    "tungstenite (threads)": f"{BUILT}/peer-tungstenite {{port}}",
    "tokio-tungstenite": f"{BUILT}/peer-tokio-tungstenite {{port}}",
    "fastwebsockets": f"{BUILT}/peer-fastwebsockets {{port}}",
}
RAW_ECHO = f"{BUILT}/rawsrv --port {{port}} --size {{size}}"
RAW_FANOUT = RAW_ECHO + " --broadcast"
CHAT = (
    f"{CHINWAG} serve --config {{config}} --data-dir {{data}} --threads 1"
    " --listen 127.0.0.1:{port} --line-listen off --admin-listen off"
)
# The load generator is one client, and not a polite one.
CONFIG = "[limits]\nmessages_per_second = 0\n"

CASES = {
    # size, connections, messages in flight on each
    "echo": [
        "16,1,1",
        "16,100,16",
        "125,1,1",
        "125,100,1",
        "125,100,16",
        "125,1000,1",
        "1024,100,16",
        "16384,100,1",
        "1048576,2,1",
    ],
    # size, receivers, messages in flight
    "fanout": ["64,1000,1", "64,1000,16", "1024,1000,1"],
    # length of a body, members, messages in flight
    "chat": ["64,1000,1", "64,1000,16"],
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", action="append", choices=CASES, help="default: all")
    parser.add_argument(
        "--case", action="append", help="SUITE:SIZE,CONNECTIONS,IN-FLIGHT instead of suites"
    )
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="one more WebSocket server; {port} in it; echo on /, broadcast on /broadcast",
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="only these servers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--secs", type=float, default=1.5)
    parser.add_argument(
        "--out", type=Path, default=HERE / "results.jsonl", help="a line of JSON a run"
    )
    options = parser.parse_args()

    cases = options.case or [
        f"{suite}:{case}" for suite in options.suite or CASES for case in CASES[suite]
    ]
    quiet_scheduling_group()
    results, failures = [], []
    with options.out.open("w", encoding="utf-8") as out:
        for case in cases:
            for result in measure(case, options, failures):
                results.append(result)
                out.write(json.dumps(result) + "\n")
    print(report.markdown(results, RAW))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def measure(case, options, failures):
    """Yields one result a server and round; a server that fails is left out of further rounds."""
    suite, shape = case.split(":")
    size, connections, in_flight = (int(number) for number in shape.split(","))
    servers = servers_of(suite, options)
    for number in range(options.rounds):
        print(f"{case}, round {number + 1} of {options.rounds}", file=sys.stderr)
        message_len = size
        for name, command in list(servers.items()):
            is_chat = suite == "chat" and name == "chinwag"
            try:
                with Server(command, message_len) as server:
                    run = load(
                        "chat" if is_chat else "echo" if suite == "echo" else "fanout",
                        server,
                        size if is_chat else message_len,
                        connections,
                        in_flight,
                        options,
                        name == RAW,
                    )
            except Failure as failure:
                failures.append(f"{case}: {name}: {failure}")
                del servers[name]
                continue
            if is_chat:
                # The others fan out messages as long as the chat's are on the wire.
                message_len = run["message_len"]
            yield {"case": case, "server": name, "round": number, **run}


def servers_of(suite, options):
    servers = dict(ECHO)
    if suite == "chat":
        servers["chinwag"] = CHAT
    servers.update(server.split("=", 1) for server in options.server)
    servers[RAW] = RAW_ECHO if suite == "echo" else RAW_FANOUT
    if options.only:
        servers = {name: command for name, command in servers.items() if name in options.only}
    return servers


class Failure(Exception):
    pass


class Server:
    """A running server; its data, if any, is on disk and not in memory, since fsync counts."""

    def __init__(self, command, message_len):
        self.data = Path(tempfile.mkdtemp(dir=BUILT, prefix="data-"))
        config = self.data / "config.toml"
        config.write_text(CONFIG, encoding="utf-8")
        self.port = free_port()
        words = shlex.split(
            command.format(port=self.port, size=message_len, data=self.data / "chat", config=config)
        )
        self.log = (self.data / "log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=lambda: pin(0),
        )

    def __enter__(self):
        listening = f":{self.port:04X} 00000000:0000 0A"
        for _ in range(500):
            if self.process.poll() is not None:
                self.log.seek(0)
                reason = self.log.read().strip()[-300:]
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
        self.log.close()
        shutil.rmtree(self.data)


def load(mode, server, size, connections, in_flight, options, raw):
    path = {"echo": "/", "fanout": "/broadcast", "chat": "/ws"}[mode]
    shape = {
        "echo": ["--conns", connections, "--pipeline", in_flight],
        # The publisher is a receiver too.
        "fanout": ["--subs", connections - 1, "--window", in_flight],
        "chat": ["--members", connections, "--window", in_flight],
    }[mode]
    command = [
        BUILT / "wsload",
        mode,
        "--url",
        f"ws://127.0.0.1:{server.port}{path}",
        "--size",
        size,
        *shape,
        "--secs",
        options.secs,
        "--warmup",
        0.3,
        "--pid",
        server.process.pid,
        "--json",
    ]
    if raw:
        command.append("--raw")
    elif mode != "chat":
        command.append("--text")
    try:
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            preexec_fn=lambda: pin(1),
        )
    except subprocess.TimeoutExpired as expired:
        raise Failure("the load generator did not come to an end") from expired
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    return json.loads(done.stdout)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def quiet_scheduling_group():
    """Puts this session ahead of others' work on the machine, where that is allowed."""
    try:
        Path("/proc/self/autogroup").write_text("-20", encoding="ascii")
    except OSError as error:
        print(
            f"note: other work on this machine weighs as much as the measurement ({error})",
            file=sys.stderr,
        )


def pin(cpu):
    """Keeps the process on one CPU, with slices of 0.1 ms so that a wake-up waits for nobody."""
    os.sched_setaffinity(0, {cpu % os.cpu_count()})
    sched_setattr = {"x86_64": 314, "aarch64": 274}.get(os.uname().machine)
    if sched_setattr:
        # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period.
        # It fails without the right to it, and then the defaults stay.
        attributes = struct.pack("IIQiIQQQ", 48, 0, 0, -20, 0, 100_000, 0, 0)
        ctypes.CDLL(None).syscall(sched_setattr, 0, attributes, 0)


if __name__ == "__main__":
    sys.exit(main())
