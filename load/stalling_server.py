#!/usr/bin/env python3
"""A small HTTP server that stalls: three seconds into each run it does nothing for one second, as a server does whose collector stops it.

    stalling_server.py [PORT]        prints the port; 0 for a free one

A run begins with the first request after two seconds of silence, for some clients send in bursts. Any request is answered 200 with two bytes.
"""
import asyncio
import sys
import time

SILENCE = 2.0
STALL_AFTER = 3.0
STALL = 1.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class Run:
    begun = 0.0
    last = 0.0
    stalled = True


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.received = b""

    def data_received(self, data):
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            self.received = self.received[end + 4:]
            now = time.monotonic()
            if now - Run.last > SILENCE:
                Run.begun, Run.stalled = now, False
            if not Run.stalled and now - Run.begun >= STALL_AFTER:
                Run.stalled = True
                time.sleep(STALL)
                now = time.monotonic()
            Run.last = now
            self.transport.write(ANSWER)


async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
