"""A BMP station that only decodes: python -m bench.station [json]

Prints its port, takes one connection, decodes it to the end, and prints what that took. With
`json` each message is also written as `bgpilot decode` writes it, to a file that nobody reads.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from services.ingest.decode import Decoding, write_messages
from services.ingest.wire import RouteMonitoring, StreamDecoder, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_BYTES = 65_536


def octets(connection: socket.socket) -> Iterator[bytes]:
    while data := connection.recv(READ_BYTES):
        yield data


def decode(connection: socket.socket) -> int:
    """How many routes came."""
    decoder = StreamDecoder()
    routes = 0
    for data in octets(connection):
        for message in decoder.feed(data):
            if type(message) is RouteMonitoring:
                update = message.update
                for one in update.announced:
                    routes += len(one.nlri)
                for one in update.withdrawn:
                    routes += len(one.nlri)
    return routes


def decode_to_json(connection: socket.socket) -> int:
    """0: the lines are not counted."""
    with tempfile.TemporaryFile() as file:
        write_messages(Decoding(octets(connection)), file.write)
    return 0


def main() -> None:
    work = decode_to_json if "json" in sys.argv[1:] else decode
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
    with connection:
        started = time.process_time()
        routes = work(connection)
        seconds = time.process_time() - started
    figures = {
        "compiled": not stream.__file__.endswith(".py"),
        "routes": routes,
        "cpu_seconds": seconds,
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
