"""Talks to a running server with Python's grpcio: every method, and the errors that clients rely on. What there is to call it learns by reflection.

Arguments: host:port. Prints one line; ends with an exception when something is not as described. Needs grpcio and protobuf (Debian: python3-grpcio python3-protobuf).
"""

import pathlib
import struct
import sys
import threading

try:
    import grpc
    import google.protobuf  # noqa: F401
except ImportError:
    sys.exit("python3-grpcio or python3-protobuf is missing: install them for /usr/bin/python3 (Debian: apt-get install python3-grpcio python3-protobuf)")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config" / "samples"))
from grpc_reflected import Service  # noqa: E402

# As Triton's client sets its channels.
OPTIONS = [("grpc.max_send_message_length", 2**31 - 1), ("grpc.max_receive_message_length", 2**31 - 1), ("grpc.keepalive_time_ms", 2**31 - 1)]
channel = grpc.insecure_channel(sys.argv[1], options=OPTIONS)
service = Service(channel, "inference.GRPCInferenceService")
make = service.message


def digit(**changes):
    request = make("ModelInferRequest")(**{"model_name": "digits", "raw_input_contents": [struct.pack("<64f", *[0] * 64)], **changes})
    request.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
    return request


def parameter(name, **value):
    request = digit()
    for kind, content in value.items():
        setattr(request.parameters[name], kind, content)
    return request


def setting(message, name, **value):
    request = make(message)()
    for kind, content in value.items():
        if kind == "value":
            request.settings[name].value.extend(content)
        else:
            setattr(request.settings[name], kind, content)
    return request


S = grpc.StatusCode
DISABLED = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable."
NOBODY = "Request for unknown model: 'nobody' is not found"
ANSWERS = [
    ("ServerLive", {}, lambda answer: answer.live),
    ("ServerReady", {}, lambda answer: answer.ready),
    ("ModelReady", {"name": "digits", "version": "1"}, lambda answer: answer.ready),
    ("ModelReady", {"name": "nobody"}, lambda answer: not answer.ready),
    ("ServerMetadata", {}, lambda answer: answer.name == "triton" and "classification" in answer.extensions),
    ("ModelMetadata", {"name": "digits"}, lambda answer: list(answer.inputs[0].shape) == [-1, 1, 8, 8]),
    ("ModelConfig", {"name": "digits"}, lambda answer: answer.config.max_batch_size == 64),
    ("ModelStatistics", {}, lambda answer: {model.name for model in answer.model_stats} >= {"digits", "language", "wine", "denoise"}),
    ("RepositoryIndex", {"ready": True}, lambda answer: all(model.state == "READY" for model in answer.models)),
    ("SystemSharedMemoryStatus", {}, lambda answer: not answer.regions),
    ("CudaSharedMemoryStatus", {}, lambda answer: not answer.regions),
    ("TraceSetting", {}, lambda answer: list(answer.settings["trace_level"].value) == ["OFF"] and len(answer.settings) == 6),
    ("LogSettings", {}, lambda answer: answer.settings["log_info"].bool_param and len(answer.settings) == 6),
]
ERRORS = [
    ("ModelInfer", digit(model_name="nobody"), S.NOT_FOUND, NOBODY),
    ("ModelInfer", digit(model_version="7"), S.NOT_FOUND, "Request for unknown model: 'digits' version 7 is not found"),
    ("ModelInfer", digit(model_version="x"), S.INVALID_ARGUMENT, "failed to get model version from specified version string 'x' (details: stol), version should be an integral value > 0"),
    ("ModelInfer", digit(raw_input_contents=[b""]), S.INVALID_ARGUMENT, "[request id: <id_unknown>] input byte size mismatch for input 'image' for model 'digits'. Expected 256, got 0"),
    ("ModelInfer", digit(id="\u00e9", raw_input_contents=[b"123"]), S.INVALID_ARGUMENT, "[request id: \u00e9] input byte size mismatch for input 'image' for model 'digits'. Expected 256, got 3"),
    ("ModelInfer", parameter("sequence_id", int64_param=1), S.INVALID_ARGUMENT, "model 'digits' does not serve sequences: parameter 'sequence_id' is not supported"),
    ("ModelInfer", parameter("priority", int64_param=-1), S.INVALID_ARGUMENT, "invalid value for 'priority', expected value >= 0."),
    ("ModelInfer", parameter("timeout", bool_param=True), S.INVALID_ARGUMENT, "invalid value type for 'timeout' parameter, expected int64_param."),
    ("ModelMetadata", make("ModelMetadataRequest")(name="nobody"), S.NOT_FOUND, NOBODY),
    ("ModelConfig", make("ModelConfigRequest")(name="nobody"), S.NOT_FOUND, NOBODY),
    ("ModelStatistics", make("ModelStatisticsRequest")(name="nobody"), S.INVALID_ARGUMENT, "requested model 'nobody' is not available"),
    ("RepositoryIndex", make("RepositoryIndexRequest")(repository_name="r"), S.UNIMPLEMENTED, "'repository_name' specification is not supported"),
    ("RepositoryModelLoad", make("RepositoryModelLoadRequest")(model_name="digits"), S.UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled"),
    ("RepositoryModelUnload", make("RepositoryModelUnloadRequest")(model_name="digits"), S.UNAVAILABLE, "explicit model load / unload is not allowed if polling is enabled"),
    ("SystemSharedMemoryStatus", make("SystemSharedMemoryStatusRequest")(name="r"), S.NOT_FOUND, "Unable to find system shared memory region: 'r'"),
    ("SystemSharedMemoryRegister", make("SystemSharedMemoryRegisterRequest")(name="r"), S.UNIMPLEMENTED, DISABLED),
    ("SystemSharedMemoryUnregister", make("SystemSharedMemoryUnregisterRequest")(name="r"), S.UNIMPLEMENTED, DISABLED),
    ("CudaSharedMemoryRegister", make("CudaSharedMemoryRegisterRequest")(name="r"), S.UNIMPLEMENTED, DISABLED),
    ("CudaSharedMemoryUnregister", make("CudaSharedMemoryUnregisterRequest")(name="r"), S.UNIMPLEMENTED, DISABLED),
    ("CudaSharedMemoryStatus", make("CudaSharedMemoryStatusRequest")(name="r"), S.NOT_FOUND, "Unable to find cuda shared memory region: 'r'"),
    ("TraceSetting", make("TraceSettingRequest")(model_name="nobody"), S.NOT_FOUND, NOBODY),
    ("TraceSetting", setting("TraceSettingRequest", "trace_level", value=["TIMESTAMPS"]), S.INVALID_ARGUMENT, "Attempting to set invalid trace setting :trace file name is not given"),
    ("TraceSetting", setting("TraceSettingRequest", "trace_rate", value=["1", "2"]), S.INVALID_ARGUMENT, "expect only 1 value for 'trace_rate'"),
    ("TraceSetting", setting("TraceSettingRequest", "trace_file", value=["x"]), S.UNIMPLEMENTED, "trace file location can not be updated through network protocol"),
    ("LogSettings", setting("LogSettingsRequest", "log_info", string_param="x"), S.INVALID_ARGUMENT, "expect boolean for 'log_info'"),
    ("LogSettings", setting("LogSettingsRequest", "log_format", string_param="x"), S.INVALID_ARGUMENT, "invalid argument for log_format, got: x"),
    ("LogSettings", setting("LogSettingsRequest", "log_file", string_param="x"), S.UNIMPLEMENTED, "log file location can not be updated through network protocol"),
]

for method, fields, check in ANSWERS:
    answer = getattr(service, method)(make(f"{method}Request")(**fields))
    assert check(answer), (method, answer)

for method, request, code, details in ERRORS:
    try:
        answer = getattr(service, method)(request)
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (code, details), (method, error)
    else:
        raise AssertionError((method, request, answer))

# Compression both ways, a tensor of many packets, strings, classes.
for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
    assert service.ModelInfer(digit(), compression=compression).model_name == "digits"
rows = 64
large = digit(raw_input_contents=[struct.pack(f"<{64 * rows}f", *range(64 * rows))])
large.inputs[0].shape[0] = rows
assert len(service.ModelInfer(large).raw_output_contents[0]) == rows * 10 * 4
ranked = digit()
ranked.outputs.add(name="probabilities").parameters["classification"].int64_param = 3
(text,) = service.ModelInfer(ranked).raw_output_contents
assert text[4:].decode(errors="replace").count(":") >= 2, text
metadata = service.ModelMetadata(make("ModelMetadataRequest")(name="language"))
words = make("ModelInferRequest")(model_name="language")
words.inputs.add(name=metadata.inputs[0].name, datatype="BYTES", shape=[1, 1]).contents.bytes_contents.append(b"Das ist ein Satz.")
assert service.ModelInfer(words).outputs

# A stream: many in flight, an error within, drained when the client closes its half.
requests = [digit(id=str(number)) for number in range(500)] + [digit(model_name="nobody", id="500"), digit(id="501")]
answers = list(service.ModelStreamInfer(iter(requests)))
assert [answer.infer_response.id for answer in answers] == [str(number) for number in range(502)]
assert [answer.error_message for answer in answers if answer.error_message] == [NOBODY]
assert all(answer.infer_response.parameters["triton_final_response"].bool_param for answer in answers if not answer.error_message)

# A stream whose errors are statuses; one that the client gives up; one whose time is over.
try:
    list(service.ModelStreamInfer(iter([digit(model_name="nobody")]), metadata=[("triton_grpc_error", "true")]))
except grpc.RpcError as error:
    assert (error.code(), error.details()) == (S.NOT_FOUND, NOBODY), error
else:
    raise AssertionError("the stream did not fail")


def forever(stop):
    yield digit()
    stop.wait()


for end, code in ((lambda stream: stream.cancel(), S.CANCELLED), (lambda stream: None, S.DEADLINE_EXCEEDED)):
    stop = threading.Event()
    stream = service.ModelStreamInfer(forever(stop), timeout=None if code == S.CANCELLED else 0.5)
    try:
        next(stream)
        end(stream)
        next(stream)
    except grpc.RpcError as error:
        assert error.code() == code, error
    stop.set()

# Health: once, and watched.
check = channel.unary_unary("/grpc.health.v1.Health/Check")
assert check(b"") == b"\x08\x01" and check(b"\x0a\x06digits") == b"\x08\x01"
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
assert next(watch) == b"\x08\x01"
watch.cancel()

# What is no method.
for path, details in (("/inference.GRPCInferenceService/Nothing", "unknown method Nothing for service inference.GRPCInferenceService"), ("/no.Service/X", "unknown service of /no.Service/X")):
    try:
        channel.unary_unary(path)(b"")
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (S.UNIMPLEMENTED, details), error

print(f"{len(ANSWERS)} answers and {len(ERRORS)} errors are as they should be")
