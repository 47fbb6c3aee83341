"""Talks to grpc_upstream.py with grpcio, straight or through the proxy, and prints everything that it sees: the two must be the same.

    grpc_echo.py HOST:PORT
"""
import hashlib
import queue
import sys

import grpc

channel = grpc.insecure_channel(sys.argv[1])


def shown(metadata):
    return sorted((key, value) for key, value in metadata or () if key.startswith("x-"))


def unary(name, data, **options):
    call = channel.unary_unary(f"/echo.Echo/{name}")
    try:
        answer, details = call.with_call(data, **options)
        print(name, len(answer), hashlib.sha256(answer).hexdigest()[:16], shown(details.initial_metadata()), shown(details.trailing_metadata()))
    except grpc.RpcError as error:
        print(name, error.code(), repr(error.details()), shown(error.trailing_metadata()))


unary("Unary", b"hello", metadata=(("x-asked", "m"),))
unary("Unary", b"")
unary("Unary", bytes(range(256)) * 8192)
unary("Unary", b"fail")
unary("Nothing", b"x")
unary("Slow", b"5", timeout=0.3)
print("Gather", channel.stream_unary("/echo.Echo/Gather")(iter([b"a", b"", b"b" * 100_000])) == b"a" + b"b" * 100_000)
print("Scatter", list(channel.unary_stream("/echo.Echo/Scatter")(b"abc")))

# Turn by turn: each message is sent only once the one before has come back.
turns = queue.Queue()
answers = channel.stream_stream("/echo.Echo/Chat")(iter(turns.get, None))
for i in range(20):
    turns.put(b"%d" % i)
    assert next(answers) == b"%d" % i
turns.put(None)
print("Chat", list(answers), answers.code())

# A client that goes away: the call ends as cancelled, and the connection goes on.
turns = queue.Queue()
answers = channel.stream_stream("/echo.Echo/Chat")(iter(turns.get, None))
turns.put(b"x")
next(answers)
answers.cancel()
turns.put(None)
print("Cancel", answers.code())
unary("Unary", b"after")
