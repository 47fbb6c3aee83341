"""Answers requests about MessagePack with Python's msgpack; README.md says how."""

import json
import struct
import sys

try:
    import msgpack
except ImportError:
    sys.exit("python3-msgpack is missing: install it for /usr/bin/python3 (Debian: apt-get install python3-msgpack)")


def describe(value):
    if value is None:
        return ["n"]
    if isinstance(value, bool):
        return ["t", int(value)]
    if isinstance(value, int):
        return ["i", str(value)]
    if isinstance(value, float):
        return ["f", "nan" if value != value else struct.pack(">d", value).hex()]
    if isinstance(value, str):
        return ["s", value.encode().hex()]
    if isinstance(value, bytes):
        return ["b", value.hex()]
    if isinstance(value, msgpack.ExtType):
        return ["e", value.code, value.data.hex()]
    if isinstance(value, list):
        return ["a", [describe(item) for item in value]]
    if isinstance(value, dict):
        return ["m", [[describe(key), describe(item)] for key, item in value.items()]]
    raise TypeError(f"cannot describe {value!r}")


def build(description):
    kind, *content = description
    if kind == "n":
        return None
    if kind == "t":
        return content[0] == 1
    if kind == "i":
        return int(content[0])
    if kind == "f":
        return float("nan") if content[0] == "nan" else struct.unpack(">d", bytes.fromhex(content[0]))[0]
    if kind == "s":
        return bytes.fromhex(content[0]).decode()
    if kind == "b":
        return bytes.fromhex(content[0])
    if kind == "e":
        return msgpack.ExtType(content[0], bytes.fromhex(content[1]))
    if kind == "a":
        return [build(item) for item in content[0]]
    if kind == "m":
        return {build(key): build(item) for key, item in content[0]}
    raise TypeError(f"cannot build {description!r}")


def is_valid(message):
    try:
        # A list of pairs takes keys of every type; the usual hook takes no negative types, which are valid.
        msgpack.unpackb(message, raw=True, strict_map_key=False, object_pairs_hook=list, ext_hook=lambda code, data: None)
    except (ValueError, msgpack.UnpackException):
        return False
    return True


def answer(command, argument):
    if command == "decode":
        return json.dumps(describe(msgpack.unpackb(bytes.fromhex(argument))), separators=(",", ":"))
    if command == "encode":
        return msgpack.packb(build(json.loads(argument))).hex()
    if command == "check":
        return "valid" if is_valid(bytes.fromhex(argument)) else "not valid"
    raise ValueError(f"unknown request {command!r}")


for line in sys.stdin:
    print(answer(*line.removesuffix("\n").split(" ", 1)))
