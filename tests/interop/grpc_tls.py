"""Talks to a running server over TLS with Python's grpcio, which trusts one authority alone and looks at the certificate's name.

Arguments: host:port; the authority's certificate; a name that the server's certificate has. Prints one line; ends with an exception when something is not as described.
"""

import pathlib
import struct
import sys

try:
    import grpc
except ImportError:
    sys.exit("python3-grpcio is missing: install it for /usr/bin/python3 (Debian: apt-get install python3-grpcio python3-protobuf)")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config" / "samples"))
from grpc_reflected import Service  # noqa: E402

address, authority, name = sys.argv[1:]


def channel(credentials):
    return grpc.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", name)])


with channel(grpc.ssl_channel_credentials(pathlib.Path(authority).read_bytes())) as trusted:
    service = Service(trusted, "inference.GRPCInferenceService")
    make = service.message

    def digit():
        request = make("ModelInferRequest")(model_name="digits", raw_input_contents=[struct.pack("<64f", *[0] * 64)])
        request.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
        return request

    assert service.ServerReady(make("ServerReadyRequest")()).ready
    answers = [service.ModelInfer(digit()), *(answer.infer_response for answer in service.ModelStreamInfer(digit() for _ in range(20)))]
    assert len(answers) == 21 and all(answer.model_name == "digits" for answer in answers)

with channel(grpc.ssl_channel_credentials()) as stranger:
    try:
        grpc.channel_ready_future(stranger).result(timeout=3)
    except grpc.FutureTimeoutError:
        pass
    else:
        raise AssertionError("a client that does not trust the authority has connected")

with grpc.insecure_channel(address) as plain:
    try:
        grpc.channel_ready_future(plain).result(timeout=3)
    except grpc.FutureTimeoutError:
        pass
    else:
        raise AssertionError("a client without TLS has connected")

print("calls and streams over TLS are as they should be")
