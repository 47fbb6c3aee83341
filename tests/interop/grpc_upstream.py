"""A gRPC echo to stand behind the proxy, with Python's grpcio: unary, client streaming, server streaming, both, and errors with metadata. Prints its port."""
import concurrent.futures
import time

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-trailer", "t"), ("x-bytes-bin", b"\x00\xff")))
    context.send_initial_metadata((("x-header", dict(context.invocation_metadata()).get("x-asked", "")),))
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it failed: ä\n%")
    return request


def gather(requests, context):
    return b"".join(requests)


def scatter(request, context):
    for byte in request:
        yield bytes([byte])


def chat(requests, context):
    for request in requests:
        yield request


def slow(request, context):
    time.sleep(float(request))
    return b"late"


def same(data):
    return data


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        if method == "Unary":
            return grpc.unary_unary_rpc_method_handler(unary, same, same)
        if method == "Gather":
            return grpc.stream_unary_rpc_method_handler(gather, same, same)
        if method == "Scatter":
            return grpc.unary_stream_rpc_method_handler(scatter, same, same)
        if method == "Chat":
            return grpc.stream_stream_rpc_method_handler(chat, same, same)
        if method == "Slow":
            return grpc.unary_unary_rpc_method_handler(slow, same, same)
        return None


server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=16), handlers=(Echo(),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
