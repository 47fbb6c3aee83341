"""Triton's own Python client, tritonclient[all], against a server: with the path of a model's file, everything that it offers; without, one connection's session for the unit tests.

Arguments: all, host:port of HTTP, host:port of gRPC, a model file for the model "digits" under another name; or http or grpc, host:port of a server with a model "rank", which gives rows
of three floats back. The server for "all": the sample repository, control mode explicit with all models, load overrides and client shared memory allowed, a folder for traces.
Ends with 77 and a line that says so where the package is not there: no registry that the project's builds need has it.
"""

import asyncio
import queue
import sys

try:
    import numpy
    import tritonclient.grpc
    import tritonclient.grpc.aio
    import tritonclient.http
    import tritonclient.http.aio
    from tritonclient.utils import InferenceServerException, shared_memory
except ImportError as error:
    print(f"tritonclient[all] is not installed: {error}")
    sys.exit(77)

CODINGS = (None, "gzip", "deflate")
PATIENCE = 60


def fails(text, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except InferenceServerException as error:
        assert text in str(error), error
    else:
        raise AssertionError(f"it did not fail with {text}")


def given(module, name, values):
    tensor = module.InferInput(name, list(values.shape), "FP32")
    tensor.set_data_from_numpy(values)
    return [tensor]


class Stream:
    """A stream of one client's."""

    def __init__(self, client, **options):
        self.client = client
        self.answers = queue.Queue()
        client.start_stream(callback=lambda result, error: self.answers.put((result, error)), **options)

    def answer(self):
        return self.answers.get(timeout=PATIENCE)


def infers(http, grpc, image):
    expected = http.infer("digits", given(tritonclient.http, "image", image)).as_numpy("probabilities")

    def check(result):
        assert numpy.array_equal(result.as_numpy("probabilities"), expected)

    for sent in CODINGS:
        for taken in CODINGS:
            check(http.infer("digits", given(tritonclient.http, "image", image), request_compression_algorithm=sent, response_compression_algorithm=taken))
        check(grpc.infer("digits", given(tritonclient.grpc, "image", image), compression_algorithm=sent))
    for client, module in ((http, tritonclient.http), (grpc, tritonclient.grpc)):
        more = {"priority": 1, "timeout": 60_000_000, "request_id": "x", "parameters": {"a": 1, "b": True, "c": "d"}}
        result = client.infer("digits", given(module, "image", image), **more)
        check(result)
        best = client.infer("digits", given(module, "image", image), outputs=[module.InferRequestedOutput("probabilities", class_count=2)]).as_numpy("probabilities")
        assert best.shape == (1, 2), best
        fails("Request for unknown model: 'nobody' is not found", client.infer, "nobody", given(module, "image", image))
        share(client, module, image, expected)
    for waiting in [http.async_infer("digits", given(tritonclient.http, "image", image)) for _ in range(4)]:
        check(waiting.get_result())
    answers = queue.Queue()
    for _ in range(4):
        grpc.async_infer("digits", given(tritonclient.grpc, "image", image), lambda result, error: answers.put((result, error)))
    for _ in range(4):
        result, error = answers.get(timeout=PATIENCE)
        assert error is None, error
        check(result)
    fails("DEADLINE_EXCEEDED", grpc.infer, "digits", given(tritonclient.grpc, "image", image), client_timeout=0.0001)
    for final in (False, True):
        stream = Stream(grpc)
        for i in range(5):
            grpc.async_stream_infer("digits", given(tritonclient.grpc, "image", image), request_id=str(i), enable_empty_final_response=final)
        for i in range(5):
            result, error = stream.answer()
            assert error is None and result.get_response().id == str(i) and result.get_response().parameters["triton_final_response"].bool_param, error
            check(result)
        grpc.async_stream_infer("nobody", given(tritonclient.grpc, "image", image))
        assert "is not found" in str(stream.answer()[1])
        grpc.stop_stream()


def share(client, module, image, expected):
    """Both tensors in shared memory; unregisters all regions first, as Triton's samples do."""
    client.unregister_system_shared_memory()
    regions = {}
    for name, size in (("in", image.nbytes), ("out", expected.nbytes)):
        regions[name] = shared_memory.create_shared_memory_region(name, f"/gateway-interop-{name}", size)
        client.register_system_shared_memory(name, f"/gateway-interop-{name}", size)
    try:
        shared_memory.set_shared_memory_region(regions["in"], [image])
        tensor = module.InferInput("image", list(image.shape), "FP32")
        tensor.set_shared_memory("in", image.nbytes)
        output = module.InferRequestedOutput("probabilities")
        output.set_shared_memory("out", expected.nbytes)
        client.infer("digits", [tensor], outputs=[output])
        assert numpy.array_equal(shared_memory.get_contents_as_numpy(regions["out"], numpy.float32, expected.shape), expected)
        client.unregister_system_shared_memory()
    finally:
        for region in regions.values():
            shared_memory.destroy_shared_memory_region(region)


def controls(client, file):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits", "1") and not client.is_model_ready("nobody")
    for each in (client.get_server_metadata, client.get_inference_statistics, client.get_model_repository_index, client.get_system_shared_memory_status, client.get_cuda_shared_memory_status):
        each()
    for each in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
        each("digits")
    client.unregister_cuda_shared_memory()
    client.update_log_settings({"log_verbose_level": 1, "log_info": True, "log_format": "ISO8601"})
    client.update_log_settings({"log_verbose_level": 0, "log_format": "default"})
    client.get_log_settings()
    told = client.update_trace_settings(model_name="digits", settings={"trace_level": ["TIMESTAMPS"], "trace_rate": "1", "trace_count": "2", "trace_file": "interop.json"})
    assert "TIMESTAMPS" in str(told) and "interop.json" in str(told), told
    told = client.update_trace_settings(model_name="digits", settings=dict.fromkeys(("trace_level", "trace_rate", "trace_count", "trace_file")))
    assert "OFF" in str(told) and "interop.json" not in str(told), told
    assert str(told) == str(client.get_trace_settings()) or not isinstance(told, dict)
    client.load_model("digits")
    client.load_model("interop", config='{"max_batch_size":8}', files={"file:1/model.onnx": open(file, "rb").read()})
    assert client.is_model_ready("interop")
    client.unload_model("interop", unload_dependents=True)
    assert not client.is_model_ready("interop")
    fails("failed to load 'nobody'", client.load_model, "nobody")


async def infers_awaited(http_address, grpc_address, image):
    async with tritonclient.http.aio.InferenceServerClient(http_address) as http, tritonclient.grpc.aio.InferenceServerClient(grpc_address) as grpc:
        for coding in CODINGS:
            await http.infer("digits", given(tritonclient.http.aio, "image", image), request_compression_algorithm=coding, response_compression_algorithm=coding)
        await grpc.infer("digits", given(tritonclient.grpc, "image", image))
        await http.get_inference_statistics()

        async def requests():
            for i in range(3):
                yield {"model_name": "digits", "inputs": given(tritonclient.grpc, "image", image), "request_id": str(i), "enable_empty_final_response": True}

        ids = [result.get_response().id async for result, error in grpc.stream_infer(requests()) if error is None]
        assert ids == ["0", "1", "2"], ids


def everything(http_address, grpc_address, file):
    image = numpy.arange(64, dtype=numpy.float32).reshape(1, 1, 8, 8)
    with tritonclient.http.InferenceServerClient(http_address, concurrency=4, network_timeout=PATIENCE) as http, tritonclient.grpc.InferenceServerClient(grpc_address) as grpc:
        infers(http, grpc, image)
        for client in (http, grpc):
            controls(client, file)
    asyncio.run(infers_awaited(http_address, grpc_address, image))
    print("all that tritonclient offers")


def row(*values):
    return numpy.array([values], dtype=numpy.float32)


def session_over_grpc(address):
    module = tritonclient.grpc
    client = module.InferenceServerClient(address)
    assert client.is_model_ready("rank")
    client.infer("rank", given(module, "x", row(1, 2, 3)))
    fails("is not found", client.infer, "nobody", given(module, "x", row(1, 2, 3)))
    client.infer("rank", given(module, "x", row(4, 5, 6)), compression_algorithm="gzip", request_id="a", priority=1, parameters={"custom": "b"})
    stream = Stream(client)
    for model, values in (("rank", (7, 8, 9)), ("nobody", (7, 8, 9)), ("rank", (10, 11, 12))):
        client.async_stream_infer(model, given(module, "x", row(*values)), enable_empty_final_response=True)
        assert (stream.answer()[1] is None) == (model == "rank")
    client.stop_stream()
    client.close()


def session_over_http(address):
    module = tritonclient.http
    client = module.InferenceServerClient(address, concurrency=1)
    assert client.is_server_ready()
    plain = module.InferInput("x", [1, 3], "FP32")
    plain.set_data_from_numpy(row(1, 2, 3), binary_data=False)
    client.infer("rank", [plain], outputs=[module.InferRequestedOutput("y", binary_data=False)])
    client.infer("rank", given(module, "x", row(4, 5, 6)))
    client.infer("rank", [plain], outputs=[module.InferRequestedOutput("y", binary_data=False)], request_compression_algorithm="gzip")
    fails("is not found", client.infer, "nobody", given(module, "x", row(1, 2, 3)))
    client.get_model_metadata("rank")
    client.close()


{"all": everything, "grpc": session_over_grpc, "http": session_over_http}[sys.argv[1]](*sys.argv[2:])
