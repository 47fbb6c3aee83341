#!/usr/bin/env python3
"""Sends the held-out handwritten digits over gRPC, call by call and over one stream, and says how it did.

    python3 config/samples/classify_digits_grpc.py --repeat 5

Needs grpcio and protobuf (Debian: python3-grpcio python3-protobuf); no generated code: grpc_reflected.py asks the server what there is to call.
Prints accuracy and throughput. Exits with 1 when a call failed or the accuracy is too low.
"""

import argparse
import pathlib
import struct
import sys
import time

import grpc

from grpc_reflected import Service

HELD_OUT = pathlib.Path(__file__).resolve().parent / "digits-heldout.bin"
PIXELS = 64
RECORD = PIXELS + 1  # 64 brightnesses of 0 to 16, row by row, then the digit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", default="localhost:8001", help="the server's port for gRPC (%(default)s)")
    parser.add_argument("--certificate", help="PEM file of the authority that signed the server's certificate, where it serves over TLS")
    parser.add_argument("--token", help="the access token, where the server asks for one")
    parser.add_argument("--concurrency", type=int, default=32, help="calls under way at a time (%(default)s)")
    parser.add_argument("--repeat", type=int, default=1, help="times to send the whole set (%(default)s)")
    parser.add_argument("--min-accuracy", type=float, default=0.98, help="fail below this share (%(default)s)")
    options = parser.parse_args()

    data = HELD_OUT.read_bytes()
    records = [data[i : i + RECORD] for i in range(0, len(data), RECORD)] * options.repeat
    metadata = [("authorization", f"Bearer {options.token}")] if options.token else None
    if options.certificate:
        channel = grpc.secure_channel(options.address, grpc.ssl_channel_credentials(pathlib.Path(options.certificate).read_bytes()))
    else:
        channel = grpc.insecure_channel(options.address)
    service = Service(channel, "inference.GRPCInferenceService", metadata)
    infer_request = service.message("ModelInferRequest")

    def request(record):
        call = infer_request(model_name="digits", raw_input_contents=[struct.pack("<64f", *record[:PIXELS])])
        call.inputs.add(name="image", datatype="FP32", shape=[1, 1, 8, 8])
        call.outputs.add(name="class")
        return call

    def is_right(response, record):
        return struct.unpack("<q", response.raw_output_contents[0])[0] == record[PIXELS]

    def report(what, right, began):
        seconds = time.perf_counter() - began
        accuracy = right / len(records)
        print(f"{what}: {len(records)} digits in {seconds:.2f} s, {len(records) / seconds:.0f} a second; accuracy {accuracy:.4f}")
        return accuracy

    began = time.perf_counter()
    right = 0
    for start in range(0, len(records), options.concurrency):
        batch = records[start : start + options.concurrency]
        calls = [service.ModelInfer.future(request(record), metadata=metadata) for record in batch]
        right += sum(is_right(call.result(), record) for call, record in zip(calls, batch))
    one_by_one = report("calls", right, began)

    began = time.perf_counter()
    right = 0
    for record, answer in zip(records, service.ModelStreamInfer((request(record) for record in records), metadata=metadata)):
        if answer.error_message:
            raise SystemExit(f"error: {answer.error_message}")
        right += is_right(answer.infer_response, record)
    streamed = report("stream", right, began)
    return 0 if min(one_by_one, streamed) >= options.min_accuracy else 1


if __name__ == "__main__":
    sys.exit(main())
