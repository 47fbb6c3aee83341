"""Sends numbers over gRPC with Python's grpcio, many at once, and checks that each comes back as the next number.

Arguments: host:port, calls, how many at once, seconds each may take (0 for none). Prints how many were answered, how many of them by another server than the one that was asked, and
how many were refused (after each of which it pauses for 50 ms); ends with an exception when anything else happens. Needs grpcio and protobuf (Debian: python3-grpcio python3-protobuf).
"""

import concurrent.futures
import pathlib
import struct
import sys
import time

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config" / "samples"))
from grpc_reflected import Service  # noqa: E402

address, calls, at_once, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
channel = grpc.insecure_channel(address)
service = Service(channel, "inference.GRPCInferenceService")
infer = channel.unary_unary(
    "/inference.GRPCInferenceService/ModelInfer",
    request_serializer=lambda request: request.SerializeToString(),
    response_deserializer=service.message("ModelInferResponse").FromString)


def call(number):
    request = service.message("ModelInferRequest")(model_name="timed", id=str(number), raw_input_contents=[struct.pack("<q", number)])
    request.inputs.add(name="x", datatype="INT64", shape=[1, 1])
    try:
        answer, end = infer.with_call(request, timeout=seconds or None)
    except grpc.RpcError as error:
        known = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
        if error.code() not in known:
            raise
        assert error.code() != grpc.StatusCode.UNAVAILABLE or "inference-refusal" in dict(error.trailing_metadata()), error
        time.sleep(0.05)
        return "refused"
    assert struct.unpack("<q", answer.raw_output_contents[0])[0] == number + 1, (number, answer)
    assert answer.id == str(number), answer
    return "elsewhere" if "gateway-served-by" in dict(end.trailing_metadata()) else "here"


with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
    ends = list(threads.map(call, range(calls)))
print(f"{len(ends) - ends.count('refused')} answered, {ends.count('elsewhere')} elsewhere, {ends.count('refused')} refused")
