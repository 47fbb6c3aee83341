"""Loads and unloads models, and shares memory, with a server that allows both, as Triton's client does; and shows what it has to show where it is asked.

Arguments: host:port of gRPC and of HTTP; a model file; the restricted groups' secret. The server: control mode explicit, load overrides and client shared memory allowed,
model-repository restricted over gRPC. Prints one line; ends with an exception when something is not as described.
"""

import json
import mmap
import os
import pathlib
import struct
import sys
import urllib.error
import urllib.request

try:
    import grpc
except ImportError:
    sys.exit("python3-grpcio is missing: install it for /usr/bin/python3 (Debian: apt-get install python3-grpcio python3-protobuf)")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config" / "samples"))
from grpc_reflected import Service  # noqa: E402

address, http, model_file, secret = sys.argv[1:]
channel = grpc.insecure_channel(address)
service = Service(channel, "inference.GRPCInferenceService")
make = service.message
S = grpc.StatusCode
KEY = [("triton-grpc-protocol-admin", secret)]
cases = 0


def fails(method, request, code, details, metadata=()):
    global cases
    cases += 1
    try:
        answer = getattr(service, method)(request, metadata=metadata)
    except grpc.RpcError as error:
        assert (error.code(), error.details()) == (code, details), (method, request, error)
    else:
        raise AssertionError((method, request, answer))


def get(path, body=None):
    """Status and body of an HTTP call; a body makes it a POST."""
    request = urllib.request.Request(f"http://{http}{path}", data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())["error"]


def load(name, **parameters):
    request = make("RepositoryModelLoadRequest")(model_name=name)
    for key, value in parameters.items():
        parameter = request.parameters[key.replace("file_", "file:1/", 1).replace("_onnx", ".onnx")]
        setattr(parameter, "bytes_param" if isinstance(value, bytes) else "string_param", value)
    return request


def states():
    return {model.name: (model.state, model.reason) for model in service.RepositoryIndex(make("RepositoryIndexRequest")(), metadata=KEY).models}


# Restricted: before anything else is looked at, and nothing beside it.
RESTRICTED = "This protocol is restricted, expecting header 'triton-grpc-protocol-admin'"
fails("RepositoryIndex", make("RepositoryIndexRequest")(), S.UNAVAILABLE, RESTRICTED)
fails("RepositoryModelLoad", load("digits"), S.UNAVAILABLE, RESTRICTED, [("triton-grpc-protocol-admin", secret + "x")])
assert service.ServerReady(make("ServerReadyRequest")()).ready

# Loading and unloading.
assert states()["digits"] == ("", "")
service.RepositoryModelLoad(load("digits"), metadata=KEY)
assert states()["digits"] == ("READY", "")
service.RepositoryModelUnload(make("RepositoryModelUnloadRequest")(model_name="digits"), metadata=KEY)
assert not service.ModelReady(make("ModelReadyRequest")(name="digits")).ready
model = pathlib.Path(model_file).read_bytes()
service.RepositoryModelLoad(load("brought", config='{"max_batch_size":16}', file_model_onnx=model), metadata=KEY)
assert service.ModelConfig(make("ModelConfigRequest")(name="brought")).config.max_batch_size == 16
fails("RepositoryModelLoad", load("none"), S.INVALID_ARGUMENT, "failed to load 'none', failed to poll from model repository: it is in no repository", KEY)
fails("RepositoryModelLoad", load("..", config="{}"), S.INVALID_ARGUMENT, "invalid model name '..', model name must not contain path traversal characters", KEY)
fails("RepositoryModelLoad", load("brought", other="x"), S.INVALID_ARGUMENT, "unrecognized load parameter 'other'.", KEY)
fails("RepositoryModelLoad", load("brought", config=b"x"), S.INVALID_ARGUMENT, "invalid value type for load parameter 'config', expected string_param.", KEY)
fails("RepositoryModelLoad", load("brought", file_model_onnx=b"x"), S.INVALID_ARGUMENT, "failed to load 'brought', failed to poll from model repository: files were given without a 'config' parameter", KEY)
assert service.ModelReady(make("ModelReadyRequest")(name="brought")).ready

# Shared memory: made as Triton's client makes it, by name, under the system's folder; 64 floats in, 10 out.
key = f"/gateway-interop-{os.getpid()}"
path = f"/dev/shm{key}"
with open(path, "w+b") as file:
    os.ftruncate(file.fileno(), 512)
    try:
        memory = mmap.mmap(file.fileno(), 512)
        register = make("SystemSharedMemoryRegisterRequest")
        fails("SystemSharedMemoryRegister", register(name="data", key="/../../etc/passwd", byte_size=1), S.INVALID_ARGUMENT, "Unable to open shared memory region: '/../../etc/passwd'")
        fails("SystemSharedMemoryRegister", register(name="data", key=key, byte_size=513), S.INVALID_ARGUMENT, "failed to register shared memory region 'data': invalid args")
        service.SystemSharedMemoryRegister(register(name="data", key=key, byte_size=512))
        fails("SystemSharedMemoryRegister", register(name="data", key=key, byte_size=512), S.ALREADY_EXISTS, "shared memory region 'data' already in manager")
        region = {"name": "data", "key": key, "offset": 0, "byte_size": 512}
        assert get("/v2/systemsharedmemory/status") == (200, json.dumps([region], separators=(",", ":")))

        def shared(**changes):
            request = make("ModelInferRequest")(model_name="brought")
            tensor = request.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
            output = request.outputs.add(name="probabilities")
            for parameters, offset, size in ((tensor.parameters, 0, 256), (output.parameters, 256, 40)):
                parameters["shared_memory_region"].string_param = changes.get("region", "data")
                parameters["shared_memory_offset"].int64_param = changes.get("offset", 0) + offset
                parameters["shared_memory_byte_size"].int64_param = size
            return request

        for value in range(16):
            memory[:256] = struct.pack("<64f", *[value] * 64)
            memory[256:] = bytes(256)
            plain = make("ModelInferRequest")(model_name="brought", raw_input_contents=[memory[:256]])
            plain.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
            plain.outputs.add(name="probabilities")
            (expected,) = service.ModelInfer(plain).raw_output_contents
            assert list(service.ModelInfer(shared()).raw_output_contents) == [b""]
            assert memory[256:296] == expected and any(expected)
            memory[256:] = bytes(256)
            (streamed,) = service.ModelStreamInfer(iter([shared()]))
            assert not streamed.error_message and memory[256:296] == expected
            memory[256:] = bytes(256)
            parameters = [{"shared_memory_region": "data", "shared_memory_byte_size": size, "shared_memory_offset": offset} for offset, size in ((0, 256), (256, 40))]
            body = {
                "inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "parameters": parameters[0]}],
                "outputs": [{"name": "probabilities", "parameters": parameters[1]}],
            }
            status, text = get("/v2/models/brought/infer", body)
            assert status == 200 and "data" not in json.loads(text)["outputs"][0], text
            assert memory[256:296] == expected

        fails("ModelInfer", shared(region="other"), S.NOT_FOUND, "Unable to find shared memory region: 'other'")
        fails("ModelInfer", shared(offset=512), S.INVALID_ARGUMENT, "Invalid offset for shared memory region: 'data'")
        fails("ModelInfer", shared(offset=300), S.INVALID_ARGUMENT, "Invalid offset + byte size for shared memory region: 'data'")
        os.ftruncate(file.fileno(), 10)
        fails("ModelInfer", shared(), S.INVALID_ARGUMENT, "the object behind shared memory region 'data' can no longer be read and written as far as it was registered")
        has_cuda = "cuda_shared_memory" in service.ServerMetadata(make("ServerMetadataRequest")()).extensions
        refusal = (S.INVALID_ARGUMENT, "'raw_handle' must be a valid cudaIpcMemHandle_t, which has 64 bytes") if has_cuda else (S.UNIMPLEMENTED, "failed to register CUDA shared memory region: 'c', GPUs not supported")
        fails("CudaSharedMemoryRegister", make("CudaSharedMemoryRegisterRequest")(name="c", byte_size=1), *refusal)
        fails("CudaSharedMemoryStatus", make("CudaSharedMemoryStatusRequest")(name="data"), S.NOT_FOUND, "The region named 'data' is registered as system shared memory, not CUDA shared memory")
        assert get("/v2/cudasharedmemory/region/data/status") == (404, "The region named 'data' is registered as system shared memory, not CUDA shared memory")
        assert get("/v2/systemsharedmemory/region/none/status") == (404, "Unable to find system shared memory region: 'none'")
        assert get("/v2/systemsharedmemory/region/d/register", {"byte_size": 1}) == (400, "Shared memory register request has no 'key' field")
        service.SystemSharedMemoryUnregister(make("SystemSharedMemoryUnregisterRequest")())
        assert not service.SystemSharedMemoryStatus(make("SystemSharedMemoryStatusRequest")()).regions
        assert get("/v2/systemsharedmemory/status") == (200, "[]")
        memory.close()
    finally:
        os.unlink(path)

print(f"models come and go, memory is shared, and {cases} errors are as they should be")
