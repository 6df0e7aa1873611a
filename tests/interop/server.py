"""The websockets package as servers for a chinwag: one without compression, and one for each set of
its parameters.

Prints their ports, a line each, and "ready"; then how each visit to /lead went.
"""

import json
import threading

from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.sync.server import serve

from cases import BINARIES, DEFLATE, FRAGMENTS, TEXTS, expect


def main():
    for parameters in [None, *DEFLATE]:
        extensions = [] if parameters is None else [ServerPerMessageDeflateFactory(**parameters)]
        server = serve(
            handle,
            "127.0.0.1",
            0,
            compression=None,
            extensions=extensions,
            subprotocols=["echo"],
            max_size=None,
        )
        threading.Thread(target=server.serve_forever).start()
        print(server.socket.getsockname()[1], json.dumps(parameters), flush=True)
    print("ready", flush=True)


def handle(socket):
    if socket.request.path != "/lead":
        for message in socket:
            socket.send(message)
        return
    try:
        lead(socket)
        print("ok", flush=True)
    except (AssertionError, ConnectionClosed) as error:
        print(f"FAILED {error}", flush=True)


def lead(socket):
    for message in TEXTS + BINARIES + TEXTS:
        socket.send(message)
        expect(socket.recv(30), message)
    socket.send(iter(FRAGMENTS))
    expect(socket.recv(30), "".join(FRAGMENTS))
    expect(socket.ping(b"ping").wait(30), True)
    socket.close(4002, "enough")
    expect(socket.protocol.close_rcvd.code, 4002)


if __name__ == "__main__":
    main()
