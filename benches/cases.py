"""What is measured: cases, and the servers that take turns in each."""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE / "target/release"

# {chinwag} is the program; {port} and {admin} are free ports, {size} the length of a message, for
# servers that know no frames; {data} is an empty directory, {config} the chat's configuration.
ECHO = "{chinwag} echo --listen 127.0.0.1:{port} --broadcast --threads "
SERVE = (
    "{chinwag} serve --config {config} --data-dir {data} --listen 127.0.0.1:{port}"
    " --line-listen off --admin-listen 127.0.0.1:{admin} --threads "
)
SELF_SIGNED = " --tls-self-signed"
RAW = f"{BUILT}/rawsrv --port {{port}} --size {{size}}"
BUN = "Bun (uWebSockets)"
THREADS = "tungstenite (threads)"
PEERS = {
    BUN: f"{{bun}} {HERE}/peers/bun/server.js {{port}}",
    THREADS: f"{BUILT}/peer-tungstenite {{port}}",
    "tokio-tungstenite": f"{BUILT}/peer-tokio-tungstenite {{port}}",
    "fastwebsockets": f"{BUILT}/peer-fastwebsockets {{port}}",
}

# Names that tables and goals know.
CHINWAG = "chinwag"
CHINWAG_STREAM = "chinwag, streamed"
CHINWAG_ECHO = "chinwag echo"
CHINWAG_SERVE = "chinwag serve"
RAW_EPOLL = "raw epoll"
RAW_COALESCED = "raw epoll, coalesced"
RAW_TLS = "raw epoll, TLS"
ONE_WORKER = "1 worker"
TWO_WORKERS = "2 workers, 1 CPU"
TWO_WORKERS_TWO_CPUS = "2 workers, 2 CPUs"

SUITES = {
    # size, connections, messages in flight on each
    "echo": [
        *(
            f"{size},{connections},{in_flight}"
            for size in (16, 125, 1024)
            for connections in (1, 100, 1000)
            for in_flight in (1, 16)
        ),
        "16384,100,1",
        "16384,100,16",
        "1048576,2,1",
    ],
    # size, receivers, messages in flight
    "fanout": ["64,1000,1", "64,1000,16", "64,5000,1", "64,5000,16", "1024,1000,1"],
    # length of a body, members, messages in flight
    "chat": ["64,1000,1", "64,1000,16"],
    # as echo
    "tls": ["125,100,1", "125,100,16", "16384,100,1"],
    # connections
    "idle": ["10000"],
    "idle-tls": ["10000"],
    # what the server does, and that suite's numbers
    "workers": [
        "echo,125,100,1",
        "echo,125,100,16",
        "echo,16384,100,1",
        "fanout,64,1000,1",
        "fanout,64,1000,16",
        "chat,64,1000,16",
    ],
}
# Where echo in parts is measured too: size and messages in flight.
STREAMED = {(16384, 16), (1 << 20, 1)}
# They belong to no goal.
BESIDE_GOALS = {"echo:16384,100,1", "fanout:1024,1000,1"}


@dataclass(frozen=True)
class Case:
    """One row of work; its text is SUITE:NUMBERS."""

    text: str
    suite: str
    # What the load generator does: echo, fanout, chat or idle.
    mode: str
    size: int = 0
    connections: int = 0
    in_flight: int = 1

    @classmethod
    def parse(cls, text):
        suite, _, shape = text.partition(":")
        if suite not in SUITES:
            raise ValueError(f"there is no suite {suite}; there are {', '.join(SUITES)}")
        words = shape.split(",")
        if suite == "workers":
            mode = words.pop(0)
        else:
            mode = {"tls": "echo", "idle-tls": "idle"}.get(suite, suite)
        numbers = [int(word) for word in words]
        if mode == "idle":
            return cls(text, suite, mode, connections=numbers[0])
        return cls(text, suite, mode, *numbers)

    @property
    def is_streamed(self):
        return self.suite == "echo" and (self.size, self.in_flight) in STREAMED

    @property
    def anchor(self):
        """The server whose figures the others' are divided by."""
        if self.suite == "workers":
            return ONE_WORKER
        if self.suite in ("tls", "idle-tls"):
            return RAW_TLS
        # All that a turn owes in one write: with several messages in flight that is the floor.
        if self.mode in ("fanout", "chat") and self.in_flight > 1:
            return RAW_COALESCED
        return RAW_EPOLL


@dataclass(frozen=True)
class Server:
    """A command, and how the load generator has to speak to it."""

    name: str
    command: str
    mode: str
    raw: bool = False
    tls: bool = False
    cpus: tuple = (0,)

    @property
    def is_chat(self):
        return "{admin}" in self.command

    @property
    def path(self):
        if self.is_chat:
            return "/ws"
        return "/broadcast" if self.mode == "fanout" else "/"


def servers_of(case, extra=()):
    """The servers that take turns in a case; `extra` ones, as (name, command), are peers."""
    # Who can't keep a log fans out what the chat does, and the chat goes first: it knows how long
    # its messages are.
    mode = "fanout" if case.mode == "chat" else case.mode
    if case.suite == "workers":
        return workers(case)
    if case.suite in ("tls", "idle-tls"):
        return [
            Server(CHINWAG, ECHO + "1" + SELF_SIGNED, mode, tls=True),
            Server(RAW_TLS, RAW + " --tls", mode, raw=True, tls=True),
        ]
    peers = PEERS | dict(extra)
    if case.suite in ("chat", "idle"):
        servers = [
            Server(CHINWAG_SERVE, SERVE + "1", case.mode),
            Server(CHINWAG_ECHO, ECHO + "1", mode),
        ]
        # Fan-out shows all of them already; and 10,000 threads are more than most systems allow.
        skipped = set(PEERS) - {BUN} if case.suite == "chat" else {THREADS}
        peers = {name: command for name, command in peers.items() if name not in skipped}
    else:
        servers = [Server(CHINWAG, ECHO + "1", mode)]
        if case.is_streamed:
            servers.append(Server(CHINWAG_STREAM, ECHO + "1 --stream", mode))
    servers += [Server(name, command, mode) for name, command in peers.items()]
    raw = RAW
    if mode == "fanout":
        raw += " --broadcast --coalesce" if case.anchor == RAW_COALESCED else " --broadcast"
    return [*servers, Server(case.anchor, raw, mode, raw=True)]


def workers(case):
    command = SERVE if case.mode == "chat" else ECHO
    return [
        Server(ONE_WORKER, command + "1", case.mode),
        Server(TWO_WORKERS, command + "2", case.mode),
        # The second CPU is the load generator's too.
        Server(TWO_WORKERS_TWO_CPUS, command + "2", case.mode, cpus=(0, 1)),
    ]
