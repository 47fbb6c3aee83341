"""One connection's session with a model "rank", which gives rows of three floats back: over gRPC with grpcio, or over HTTP.

Arguments: grpc or http; host:port. Recorded with record.py for the unit tests.
"""

import gzip
import http.client
import json
import pathlib
import struct
import sys

kind, address = sys.argv[1:]


def over_grpc():
    import grpc

    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "config" / "samples"))
    from grpc_reflected import Service

    with grpc.insecure_channel(address) as channel:
        service = Service(channel, "inference.GRPCInferenceService")

        def row(*values, model="rank"):
            request = service.message("ModelInferRequest")(model_name=model, raw_input_contents=[struct.pack("<3f", *values)])
            request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
            return request

        assert service.ModelReady(service.message("ModelReadyRequest")(name="rank")).ready
        service.ModelInfer(row(1, 2, 3))
        try:
            service.ModelInfer(row(1, 2, 3, model="nobody"))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
        service.ModelInfer(row(4, 5, 6), compression=grpc.Compression.Gzip)
        answers = list(service.ModelStreamInfer(iter([row(7, 8, 9), row(7, 8, 9, model="nobody"), row(10, 11, 12)])))
        assert [bool(answer.error_message) for answer in answers] == [False, True, False]


def over_http():
    connection = http.client.HTTPConnection(address)

    def call(method, path, body=None, **headers):
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    tensor = {"name": "x", "datatype": "FP32", "shape": [1, 3]}
    plain = json.dumps({"inputs": [{**tensor, "data": [1, 2, 3]}]}).encode()
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": 12}}]}).encode()
    statuses = [
        call("GET", "/v2/health/ready"),
        call("POST", "/v2/models/rank/infer", plain, Content_Type="application/json"),
        call("POST", "/v2/models/rank/infer", head + struct.pack("<3f", 4, 5, 6), Inference_Header_Content_Length=str(len(head))),
        call("POST", "/v2/models/rank/infer", gzip.compress(plain, mtime=0), Content_Encoding="gzip"),
        call("POST", "/v2/models/nobody/infer", plain),
        call("GET", "/v2/models/rank"),
    ]
    assert statuses == [200, 200, 200, 200, 404, 200], statuses


over_grpc() if kind == "grpc" else over_http()
