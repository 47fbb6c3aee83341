#!/usr/bin/env python3
"""Sends the held-out handwritten digits over one connection of MessagePack frames, many calls at once, and says how it did.

    python3 config/samples/classify_digits_frames.py --repeat 20

Needs Python 3.8 or newer and msgpack (Debian: python3-msgpack). src/Gateway.Protocol/Frames/README.md tells the protocol.
Prints accuracy and throughput. Exits with 1 when a call failed or the accuracy is too low.
"""

import argparse
import pathlib
import socket
import struct
import sys
import time

import msgpack

HELD_OUT = pathlib.Path(__file__).resolve().parent / "digits-heldout.bin"
PIXELS = 64
RECORD = PIXELS + 1  # 64 brightnesses of 0 to 16, row by row, then the digit


def frame(kind, call, body):
    """A message with its length before it."""
    message = msgpack.packb([kind, call, body])
    return struct.pack(">I", len(message)) + message


def receive(stream):
    """The next message: kind, call and body."""
    length = stream.read(4)
    if len(length) < 4:
        raise SystemExit("error: the server closed the connection")
    return msgpack.unpackb(stream.read(struct.unpack(">I", length)[0]))


def infer(call, image):
    """The call for one image."""
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": struct.pack("<64f", *image)}
    return frame("infer", call, {"model_name": "digits", "inputs": [tensor], "outputs": [{"name": "class"}]})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="localhost:8003", help="the server's port for frames, or the path of its Unix socket (%(default)s)")
    parser.add_argument("--token", help="the access token, where the server asks for one")
    parser.add_argument("--repeat", type=int, default=1, help="times to send the whole set (%(default)s)")
    parser.add_argument("--min-accuracy", type=float, default=0.98, help="fail below this share (%(default)s)")
    options = parser.parse_args()

    data = HELD_OUT.read_bytes()
    records = [data[i : i + RECORD] for i in range(0, len(data), RECORD)] * options.repeat

    if "/" in options.address:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(options.address)
    else:
        host, port = options.address.rsplit(":", 1)
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")

    hello = {"version": 1, "client": "classify_digits_frames.py"}
    if options.token:
        hello["token"] = options.token
    connection.sendall(frame("hello", 0, hello))
    kind, _, body = receive(stream)
    if kind != "hello":
        raise SystemExit(f"error: {body['code']}: {body['error']}")
    window = body["window"]

    # As many calls under way as the window allows; the number of a call is that of its record.
    began = time.perf_counter()
    sent = min(window, len(records))
    connection.sendall(b"".join(infer(call, records[call][:PIXELS]) for call in range(sent)))
    right = 0
    for _ in records:
        kind, call, body = receive(stream)
        if kind != "infer":
            raise SystemExit(f"error: call {call}: {body['code']}: {body['error']}")
        (digit,) = struct.unpack("<q", body["outputs"][0]["data"])
        right += digit == records[call][PIXELS]
        if sent < len(records):
            connection.sendall(infer(sent, records[sent][:PIXELS]))
            sent += 1
    seconds = time.perf_counter() - began

    accuracy = right / len(records)
    print(f"{len(records)} digits in {seconds:.2f} s, {len(records) / seconds:.0f} a second; accuracy {accuracy:.4f}; up to {window} calls in flight")
    return 0 if accuracy >= options.min_accuracy else 1


if __name__ == "__main__":
    sys.exit(main())
