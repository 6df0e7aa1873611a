"""The websockets package as a client of a chinwag that echoes.

    client.py URL [--blocking]

Prints a line for each case, and fails if one does. With --subprotocols the server is one that knows
the subprotocol "echo".
"""

import sys

from websockets.exceptions import ConnectionClosedError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import BINARY, CONT, TEXT, Frame
from websockets.sync.client import connect

from cases import BINARIES, DEFLATE, FRAGMENTS, TEXTS, expect, report


def main(url, *flags):
    cases = {
        "text and binary messages": echoes,
        "fragments": fragments,
        "ping and pong": pings,
        "close codes of the client": closes,
        "close codes of the server": failures,
    }
    for offer in DEFLATE:
        cases[f"deflate with {offer}"] = lambda url, offer=offer: deflates(url, offer)
    if "--blocking" in flags:
        cases["subprotocols"] = subprotocols
        return report("websockets client, blocking server", cases, url)
    return report("websockets client", cases, url)


def open_plain(url, **options):
    return connect(url, compression=None, proxy=None, max_size=None, **options)


def echoes(url):
    with open_plain(url) as socket:
        expect(socket.protocol.extensions, [])
        for message in TEXTS + BINARIES:
            socket.send(message)
            expect(socket.recv(), message)


def fragments(url):
    with open_plain(url) as socket:
        socket.send(iter(FRAGMENTS))
        expect(socket.recv(), "".join(FRAGMENTS))
        socket.send(part.encode() for part in FRAGMENTS)
        expect(socket.recv(), "".join(FRAGMENTS).encode())


def pings(url):
    with open_plain(url) as socket:
        for payload in (b"", b"ping", b"\xff" * 125):
            expect(socket.ping(payload).wait(10), True)
        socket.pong(b"nobody asked")
        socket.send("still here")
        expect(socket.recv(), "still here")


def closes(url):
    for code, reason in ((1000, ""), (1001, "leaving"), (3000, "r" * 123), (4999, "grüß")):
        with open_plain(url) as socket:
            socket.close(code, reason)
            expect(socket.protocol.close_rcvd.code, code)
            expect(socket.protocol.close_rcvd_then_sent, False)


def failures(url):
    mistakes = {
        1002: Frame(CONT, b"nothing to continue"),
        1007: Frame(TEXT, b"\xff"),
        1009: Frame(BINARY, bytes(16 * 1024 * 1024 + 1)),
    }
    for code, mistake in mistakes.items():
        with open_plain(url) as socket:
            with socket.send_context():
                socket.protocol.send_frame(mistake)
            try:
                socket.recv(10)
                raise AssertionError(f"no close with {code}")
            except ConnectionClosedError as error:
                expect(error.rcvd.code, code)
                expect(error.rcvd_then_sent, True)


def deflates(url, offer):
    settings = {"client_max_window_bits": None, **offer}
    factory = ClientPerMessageDeflateFactory(**settings)
    with open_plain(url, extensions=[factory]) as socket:
        [extension] = socket.protocol.extensions
        if "server_max_window_bits" in offer:
            bits = socket.response.headers["Sec-WebSocket-Extensions"]
            expect(f"server_max_window_bits={offer['server_max_window_bits']}" in bits, True)
        expect(extension.remote_no_context_takeover or not offer.get("server_no_context_takeover"), True)
        for _ in range(3):
            for message in TEXTS + BINARIES:
                socket.send(message)
                expect(socket.recv(), message)
        socket.send(iter(FRAGMENTS))
        expect(socket.recv(), "".join(FRAGMENTS))


def subprotocols(url):
    for offered, chosen in ((["other", "echo"], "echo"), (["echo"], "echo"), (["other"], None), (None, None)):
        with open_plain(url, subprotocols=offered) as socket:
            expect(socket.subprotocol, chosen)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
