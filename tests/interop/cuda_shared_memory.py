"""Shares memory of a CUDA device with a server, as Triton's client does: both tensors of the model "digits" stay on the device, and the answers are those to the same images sent plainly.

Arguments: host:port of HTTP. The server: the sample repository, client shared memory allowed, on the same machine and able to see the same device; another process than this one, since none
can open its own handles. Needs cupy. Prints one line; ends with 1 and an exception when something is not as described, with 77 where the package is not there.
"""

import base64
import ctypes
import json
import os
import pathlib
import struct
import sys
import urllib.error
import urllib.request

try:
    from cupy.cuda import runtime
except ImportError as error:
    print(f"cupy is not installed: {error}")
    sys.exit(77)

(http,) = sys.argv[1:]
RECORD = 65  # 64 brightnesses of 0 to 16, then the digit
SHAPE = [8, 1, 8, 8]
ROWS = SHAPE[0]
BYTES = {"image": 4 * 64 * ROWS, "probabilities": 4 * 10 * ROWS, "class": 8 * ROWS}
# Both outputs in one region, not at its beginning; the input likewise.
IN, PROBABILITIES, CLASS, REGION = 256, 512, 4096, 8192


def call(path, body=None, headers=None):
    """Status, headers and bytes of a call of the protocol's; a body makes it a POST."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(f"http://{http}/{path}", body, headers or {}), timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def done(path, body=b""):
    status, _, answer = call(path, body)
    assert (status, answer) == (200, b""), (path, status, answer)


def fails(path, body, code, text):
    status, _, answer = call(path, body)
    error = json.loads(answer)["error"]
    assert status == code and text in error, (path, status, error)


def register(name, handle, size, device=0):
    return f"v2/cudasharedmemory/region/{name}/register", {"raw_handle": {"b64": base64.b64encode(handle).decode()}, "device_id": device, "byte_size": size}


def regions():
    status, _, answer = call("v2/cudasharedmemory/status")
    assert status == 200, answer
    return json.loads(answer)


def plain(images):
    """Both outputs for images that are sent in the request."""
    head = json.dumps({
        "inputs": [{"name": "image", "datatype": "FP32", "shape": SHAPE, "parameters": {"binary_data_size": len(images)}}],
        "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in ("probabilities", "class")],
    }).encode()
    status, headers, answer = call("v2/models/digits/infer", head + images, {"Inference-Header-Content-Length": str(len(head))})
    assert status == 200, answer
    tensors = answer[int(headers["Inference-Header-Content-Length"]):]
    return tensors[:BYTES["probabilities"]], tensors[BYTES["probabilities"]:]


def shared(**changes):
    """The same request with all tensors on the device."""
    def at(region, offset, size):
        return {"shared_memory_region": region, "shared_memory_offset": offset, "shared_memory_byte_size": size}

    return {
        "inputs": [{"name": "image", "datatype": "FP32", "shape": SHAPE, "parameters": at("in", IN, BYTES["image"]) | changes}],
        "outputs": [{"name": "probabilities", "parameters": at("out", PROBABILITIES, BYTES["probabilities"])}, {"name": "class", "parameters": at("out", CLASS, BYTES["class"])}],
    }


def upload(values, address):
    buffer = ctypes.create_string_buffer(values, len(values))
    runtime.memcpy(address, ctypes.addressof(buffer), len(values), runtime.memcpyHostToDevice)
    runtime.deviceSynchronize()


def download(address, size):
    buffer = ctypes.create_string_buffer(size)
    runtime.memcpy(ctypes.addressof(buffer), address, size, runtime.memcpyDeviceToHost)
    return buffer.raw


def main():
    data = (pathlib.Path(__file__).resolve().parents[2] / "config" / "samples" / "digits-heldout.bin").read_bytes()
    records = [data[at:at + RECORD] for at in range(0, len(data), RECORD)]
    assert "cuda_shared_memory" in json.loads(call("v2")[2])["extensions"], "the server finds no CUDA device, or client shared memory is not allowed"
    source, target = runtime.malloc(REGION), runtime.malloc(REGION)
    try:
        handles = {name: runtime.ipcGetMemHandle(address) for name, address in (("in", source), ("out", target))}
        done("v2/cudasharedmemory/unregister")
        for name, handle in handles.items():
            done(*register(name, handle, REGION))
        assert regions() == [{"name": name, "device_id": 0, "byte_size": REGION} for name in ("in", "out")], regions()

        batches = right = 0
        for first in range(0, len(records) - ROWS + 1, ROWS):
            rows = records[first:first + ROWS]
            images = struct.pack(f"<{64 * ROWS}f", *(pixel for row in rows for pixel in row[:64]))
            upload(b"\xee" * REGION, target)
            upload(images, source + IN)
            status, _, answer = call("v2/models/digits/infer", shared())
            assert status == 200 and all("data" not in output for output in json.loads(answer)["outputs"]), answer
            found = download(target, REGION)
            probabilities, classes = plain(images)
            there = bytearray(b"\xee" * REGION)
            there[PROBABILITIES:PROBABILITIES + len(probabilities)] = probabilities
            there[CLASS:CLASS + len(classes)] = classes
            assert found == bytes(there), f"batch {batches}: the outputs on the device are not those sent plainly"
            right += sum(digit == row[64] for digit, row in zip(struct.unpack(f"<{ROWS}q", classes), rows))
            batches += 1

        # What is wrong is refused, and what was right before still is.
        fails(*register("in", handles["in"], REGION), 400, "shared memory region 'in' already in manager")
        fails(*register("large", handles["in"], 1 << 30), 400, "failed to register CUDA shared memory region 'large': invalid args")
        fails(*register("bad", os.urandom(64), REGION), 400, "failed to register CUDA shared memory region 'bad': failed to open CUDA IPC handle: CUDA_ERROR_")
        fails(*register("bad", bytes(64), REGION), 400, "failed to register CUDA shared memory region 'bad': failed to open CUDA IPC handle: CUDA_ERROR_")
        fails(*register("bad", b"short", REGION), 400, "'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t")
        fails(*register("bad", handles["in"], REGION, device=99), 400, "cuDeviceGet: CUDA_ERROR_INVALID_DEVICE")
        fails("v2/models/digits/infer", shared(shared_memory_offset=REGION), 400, "Invalid offset for shared memory region: 'in'")
        fails("v2/models/digits/infer", shared(shared_memory_offset=REGION - 1), 400, "Invalid offset + byte size for shared memory region: 'in'")
        fails("v2/models/digits/infer", shared(shared_memory_region="none"), 404, "Unable to find shared memory region: 'none'")
        done(*register("again", handles["in"], REGION))
        done("v2/cudasharedmemory/region/again/unregister")
        status, _, answer = call("v2/models/digits/infer", shared())
        assert status == 200, answer

        done("v2/cudasharedmemory/region/in/unregister")
        fails("v2/models/digits/infer", shared(), 404, "Unable to find shared memory region: 'in'")
        done("v2/cudasharedmemory/unregister")
        assert regions() == [], regions()
    finally:
        call("v2/cudasharedmemory/unregister", b"")
        runtime.free(source)
        runtime.free(target)
    print(f"{batches} batches of {ROWS} in CUDA shared memory as sent plainly, {right} of {batches * ROWS} digits right")


main()
