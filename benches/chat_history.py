#!/usr/bin/env python3
"""How the chat does with 10,000 rooms and 1 million messages; `benches/run chat_history` builds it first.

The messages are sent to the server that ships, which writes them as it writes all others. Then it is
started anew on what it wrote, and asked. The same questions are put to SQLite on the same file, as
plain as can be: what the server takes longer is its own.

Last, what somebody waits who says something while old messages are erased, and while a room is removed,
and how fast that goes, then and while nobody says anything.
"""

import argparse
import contextlib
import json
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from measure import free_ports

HERE = Path(__file__).resolve().parent
CHINWAG = HERE.parent / "target/release/chinwag"


def main():
    options = arguments()
    if options.only_erasures:
        waits = measure_erasures(options)
        show_erasures(waits, options)
        return check(0, {}, waits) if options.check else 0
    with tempfile.TemporaryDirectory(prefix="chinwag-history-", dir=options.dir) as directory:
        directory = Path(directory)
        config = directory / "config.toml"
        config.write_text("[limits]\nmessages_per_second = 0\n", encoding="utf-8")
        with Server(options.chinwag, directory, config) as server:
            began_at = time.monotonic()
            fill(server, options)
            filled_in = time.monotonic() - began_at
        size = sum(path.stat().st_size for path in (directory / "data").iterdir())
        with Server(options.chinwag, directory, config) as server:
            asked = ask_server(server, options)
            started_in = server.started_in
        plain = ask_sqlite(directory / "data/chinwag.db", options)
    waits = measure_erasures(options)
    print(f"{options.rooms} rooms and {options.messages} messages, written in {filled_in:.0f} s; "
          f"{size / 1e6:.0f} MB. Ready {started_in * 1e3:.0f} ms after the start.\n")
    print("| question | p50 | p99 | SQLite p50 | SQLite p99 | ratio of p50 |")
    print("|---|--:|--:|--:|--:|--:|")
    for question, times in asked.items():
        ours = [quantile(times, part) for part in (0.5, 0.99)]
        others = [quantile(plain[question], part) for part in (0.5, 0.99)]
        figures = " | ".join(f"{seconds * 1e3:.2f} ms" for seconds in ours + others)
        print(f"| {question} | {figures} | {ours[0] / others[0]:.1f} |")
    print()
    show_erasures(waits, options)
    return check(started_in, asked, waits) if options.check else 0


def show_erasures(waits, options):
    print(f"| a message in another room, while of {options.erased} | p50 | p99 | longest "
          "| erased in a second | while nobody says anything |")
    print("|---|--:|--:|--:|--:|--:|")
    for what, (times, *rates) in waits.items():
        figures = [quantile(times, part) for part in (0.5, 0.99, 1)]
        figures = [f"{seconds * 1e3:.1f} ms" for seconds in figures]
        figures += [f"{count:.0f}, {size / 1e3:.1f} KB" for count, size in rates]
        print(f"| {what} | {' | '.join(figures)} |")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chinwag", default=CHINWAG, help="the server's program")
    parser.add_argument("--dir", help="where to write, under 1 GB; the system's temporary directory")
    parser.add_argument("--rooms", type=int, default=9_999, help="beside the lobby")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=500, help="of each question")
    parser.add_argument("--erased", type=int, default=20_000, help="messages to be erased")
    parser.add_argument("--words", type=int, default=12, help="in each of those")
    parser.add_argument("--erasing", type=float, default=20, help="seconds to watch that, twice")
    parser.add_argument("--only-erasures", action="store_true", help="measure nothing else")
    parser.add_argument("--check", action="store_true", help="fail if a goal is missed")
    return parser.parse_args()


class Server:
    """A server that is ready."""

    def __init__(self, program, directory, config):
        self.port, admin = free_ports(2)
        command = [program, "serve", "--config", config, "--data-dir", directory / "data"]
        command += ["--listen", f"127.0.0.1:{self.port}", "--admin-listen", f"127.0.0.1:{admin}"]
        self.log = (directory / "log").open("w", encoding="utf-8")
        began_at = time.monotonic()
        self.process = subprocess.Popen(
            [*map(str, command), "--drain", "0"], stdin=subprocess.DEVNULL, stderr=self.log
        )
        until = began_at + MAX_START_S
        while not is_ready(admin):
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                said = (directory / "log").read_text(encoding="utf-8")
                raise SystemExit(f"{program} does not start: {said}")
            time.sleep(0.002)
        self.started_in = time.monotonic() - began_at

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(MAX_START_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def is_ready(admin):
    with contextlib.suppress(urllib.error.URLError, ConnectionError):
        with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=1) as answer:
            return answer.status == 200
    return False


class Client:
    """A guest, over WebSocket."""

    def __init__(self, server, name):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.settimeout(60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: chinwag.v1\r\n\r\n"
        )
        self.input = b""
        while b"\r\n\r\n" not in self.input:
            self.receive()
        self.input = self.input.split(b"\r\n\r\n", 1)[1]
        self.next()
        self.ask({"type": "hello", "name": name})

    def receive(self):
        received = self.socket.recv(1 << 20)
        if not received:
            raise SystemExit("the server has closed the connection")
        self.input += received

    def next(self):
        """The next message, in bytes."""
        while True:
            if len(self.input) >= 2:
                length, start = self.input[1], 2
                if length == 126 and len(self.input) >= 4:
                    (length,), start = struct.unpack(">H", self.input[2:4]), 4
                elif length == 127 and len(self.input) >= 10:
                    (length,), start = struct.unpack(">Q", self.input[2:10]), 10
                is_header = self.input[1] < 126 or start > 2
                if is_header and len(self.input) >= start + length:
                    message = self.input[start : start + length]
                    opcode = self.input[0] & 15
                    self.input = self.input[start + length :]
                    if opcode == 1:
                        return message
                    continue
            self.receive()

    def ask(self, request):
        """What a request is answered, in bytes."""
        self.socket.sendall(frame(request | {"id": 1}))
        while True:
            answer = self.next()
            if b'"re":1' in answer:
                if answer.startswith(b'{"type":"error"'):
                    raise SystemExit(f"{request} is answered by {answer.decode()}")
                return answer

    def time(self, request):
        began_at = time.perf_counter()
        answer = self.ask(request)
        return time.perf_counter() - began_at, answer


def frame(request):
    """A text message. Its masking key is zero: nobody but the server reads it."""
    payload = json.dumps(request).encode()
    if len(payload) < 126:
        return struct.pack(">BB4x", 0x81, 0x80 | len(payload)) + payload
    return struct.pack(">BBH4x", 0x81, 0x80 | 126, len(payload)) + payload


def fill(server, options):
    """Has everything said."""
    dice = random.Random(1)
    rare = set(dice.sample(range(options.messages), min(RARE_COUNT, options.messages)))
    # A fifth is said in a few large rooms, the rest everywhere alike.
    large = options.messages // 5 // LARGE_COUNT
    rest = options.messages - large * LARGE_COUNT
    counts = [rest // options.rooms + (room < rest % options.rooms) for room in range(options.rooms)]
    for room in range(LARGE_COUNT):
        counts[room] += large
    nth = 0
    for first in range(0, options.rooms, ROOMS_PER_CLIENT):
        rooms = range(first, min(first + ROOMS_PER_CLIENT, options.rooms))
        client = Client(server, f"writer {first}")
        for room in rooms:
            client.ask({"type": "join", "room": f"room-{room}", "create": True})
        waiting = []
        for room in rooms:
            for _ in range(counts[room]):
                words = dice.choices(WORDS, WEIGHTS, k=8) + ["zanzibar"] * (nth in rare)
                body = " ".join(words)
                waiting.append(frame({"type": "send", "room": f"room-{room}", "body": body}))
                nth += 1
                if len(waiting) == WINDOW:
                    say(client, waiting)
                    waiting = []
        say(client, waiting)
        client.socket.close()


def say(client, frames):
    client.socket.sendall(b"".join(frames))
    done_count = 0
    while done_count < len(frames):
        message = client.next()
        if message.startswith(b'{"type":"error"'):
            raise SystemExit(f"a message is refused: {message.decode()}")
        done_count += message.startswith(b'{"type":"done"')


def ask_server(server, options):
    dice = random.Random(2)
    client = Client(server, "reader")
    times = {question: [] for question in QUESTIONS}
    for _ in range(options.samples):
        room = f"room-{dice.randrange(options.rooms)}"
        taken, answer = client.time({"type": "join", "room": room})
        times[JOIN].append(taken)
        assert answer.count(b'"seq"') > 50, answer
        client.ask({"type": "leave", "room": room})
        large = f"room-{dice.randrange(LARGE_COUNT)}"
        before = dice.randrange(60, options.messages // 5 // LARGE_COUNT)
        request = {"type": "history", "room": large, "before": before, "limit": 50}
        times[HISTORY].append(client.time(request)[0])
        for question, word in SEARCHES.items():
            taken, answer = client.time({"type": "search", "query": f"{word} "})
            times[question].append(taken)
            assert answer.count(b'"marks"') == 20, answer
    return times


def ask_sqlite(path, options):
    dice = random.Random(2)
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rooms = dict(connection.execute("SELECT name, id FROM rooms"))
    times = {question: [] for question in QUESTIONS}

    def run(question, statement, values):
        began_at = time.perf_counter()
        rows = connection.execute(statement, values).fetchall()
        times[question].append(time.perf_counter() - began_at)
        assert rows

    for _ in range(options.samples):
        room = rooms[f"room-{dice.randrange(options.rooms)}"]
        run(JOIN, PAGE, (room, 1 << 60, 100))
        large = rooms[f"room-{dice.randrange(LARGE_COUNT)}"]
        before = dice.randrange(60, options.messages // 5 // LARGE_COUNT)
        run(HISTORY, PAGE, (large, before, 50))
        for question, word in SEARCHES.items():
            run(question, SEARCH, (f'(body : ("{word}")) AND (place : ("public"))',))
    connection.close()
    return times


def measure_erasures(options):
    """What somebody waits who says something elsewhere, and how much goes in a second, then and later."""
    waits = {}
    with tempfile.TemporaryDirectory(prefix="chinwag-erasure-", dir=options.dir) as directory:
        directory = Path(directory)
        config = directory / "config.toml"
        config.write_text("[limits]\nmessages_per_second = 0\n", encoding="utf-8")
        database = directory / "data/chinwag.db"
        with Server(options.chinwag, directory, config) as server:
            fill_one(server, "old", options)
            waits[QUIET] = watch(server, database, options)
        age(database)
        config.write_text(config.read_text() + "[chat]\nretention_days = 1\n", encoding="utf-8")
        with Server(options.chinwag, directory, config) as server:
            waits["old messages go"] = watch(server, database, options)
    with tempfile.TemporaryDirectory(prefix="chinwag-erasure-", dir=options.dir) as directory:
        directory = Path(directory)
        config = directory / "config.toml"
        config.write_text("[limits]\nmessages_per_second = 0\n", encoding="utf-8")
        with Server(options.chinwag, directory, config) as server:
            fill_one(server, "gone", options).ask({"type": "remove_room", "room": "gone"})
            database = directory / "data/chinwag.db"
            waits["a removed room goes"] = watch(server, database, options)
    return waits


def fill_one(server, room, options):
    """Has everything said in one room; who owns it."""
    dice = random.Random(3)
    client = Client(server, f"owner of {room}")
    client.ask({"type": "join", "room": room, "create": True})
    left = options.erased
    while left > 0:
        bodies = (" ".join(dice.choices(WORDS, WEIGHTS, k=options.words)) for _ in range(min(left, WINDOW)))
        say(client, [frame({"type": "send", "room": room, "body": body}) for body in bodies])
        left -= WINDOW
    return client


def age(database):
    """Has all that was said be three days old."""
    connection = sqlite3.connect(database)
    for table in ("messages", "events"):
        connection.execute(f"UPDATE {table} SET at = at - 3 * 24 * 60 * 60 * 1000")
    connection.commit()
    connection.close()


def watch(server, database, options):
    """How long each message takes, one after the other; how many messages, and bytes, go in a second
    meanwhile, and while nobody says anything."""
    client = Client(server, "speaker")
    client.ask({"type": "join", "room": "lobby"})
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    times = []

    def talk():
        for _ in range(50):
            times.append(client.time({"type": "send", "room": "lobby", "body": "and then"})[0])
            time.sleep(0.005)

    rates = [erased(connection, options, during) for during in (talk, lambda: time.sleep(0.3))]
    connection.close()
    client.socket.close()
    return times, *rates


def erased(connection, options, during):
    """How many messages, and bytes of them, go in a second while something is done again and again."""
    left = "SELECT count(*), total(length(CAST(body AS BLOB))) FROM messages WHERE room != 1"
    before = after = connection.execute(left).fetchone()
    began_at = time.monotonic()
    while time.monotonic() < began_at + options.erasing and (after[0] or not before[0]):
        during()
        after = connection.execute(left).fetchone()
    elapsed = time.monotonic() - began_at
    return [(one - other) / max(elapsed, 1e-9) for one, other in zip(before, after, strict=True)]


def quantile(times, part):
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


def check(started_in, asked, waits):
    asked = asked | {what: times for what, (times, *_) in waits.items()}
    slow = [name for name, times in asked.items() if quantile(times, 0.99) >= MAX_ANSWER_S]
    for what, (_, (talking, _), (_, quiet)) in waits.items():
        if what != QUIET and (talking < MIN_ERASED or quiet < MIN_ERASED_LEN):
            slow.append(what)
    if started_in >= MAX_READY_S:
        slow.append("start")
    for name in slow:
        print(f"too slow: {name}", file=sys.stderr)
    return 1 if slow else 0


QUIET = "none goes"
JOIN = "`join`, with the newest 100 messages"
HISTORY = "`history`, 50 messages of a large room"
SEARCHES = {"`search`, a rare word": "zanzibar", "`search`, a common word": "w0"}
QUESTIONS = [JOIN, HISTORY, *SEARCHES]

PAGE = """SELECT seq, at, sender, body, key, reply_to, edited_at, deleted, reactions FROM messages
    WHERE room = ? AND seq < ? ORDER BY seq DESC LIMIT ?"""
SEARCH = """SELECT messages.seq, messages.at, sender, messages.body, room, event,
    highlight(message_words, 0, char(2), char(3))
    FROM message_words CROSS JOIN messages ON event = message_words.rowid
    WHERE message_words MATCH ? ORDER BY message_words.rowid DESC LIMIT 20"""

# As people talk: a few words stand everywhere, most hardly anywhere.
WORDS = [f"w{nth}" for nth in range(5_000)]
WEIGHTS = [1 / (nth + 1) for nth in range(len(WORDS))]

RARE_COUNT = 40
LARGE_COUNT = 10
ROOMS_PER_CLIENT = 100

# Messages sent ahead of their answers: what the log takes in one transaction.
WINDOW = 1_000

MAX_START_S = 60

# The goals.
MAX_READY_S = 1
MAX_ANSWER_S = 0.02
MIN_ERASED = 50
MIN_ERASED_LEN = 10_000

if __name__ == "__main__":
    sys.exit(main())
