"""A gRPC client without generated code: what there is to call it learns from the server's reflection.

Needs grpcio and protobuf (Debian: python3-grpcio python3-protobuf). Used by the sample classify_digits_grpc.py and by grpc_cases.py.
"""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def reflection_messages():
    """The request and the response of reflection, the parts of them that are needed here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection_subset.proto", package="reflection_subset", syntax="proto3")
    fields = {
        "Files": [("file_descriptor_proto", 1, "bytes", True)],
        "Request": [("file_containing_symbol", 4, "string", False)],
        "Response": [("files", 4, ".reflection_subset.Files", False)],
    }
    kinds = {"bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES, "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING}
    for name, members in fields.items():
        message = file.message_type.add(name=name)
        for member, number, kind, repeated in members:
            field = message.field.add(name=member, number=number, label=3 if repeated else 1, type=kinds.get(kind, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE))
            if kind not in kinds:
                field.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return [factory.GetPrototype(pool.FindMessageTypeByName(f"reflection_subset.{name}")) for name in ("Request", "Response")]


class Service:
    """The methods of one service, as callables of a channel, and the classes of its messages."""

    def __init__(self, channel, name, metadata=None):
        request, response = reflection_messages()
        ask = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", request_serializer=request.SerializeToString, response_deserializer=response.FromString)
        answer = next(iter(ask(iter([request(file_containing_symbol=name)]), metadata=metadata)))
        self.pool = descriptor_pool.DescriptorPool()
        files = {}
        for data in answer.files.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file

        def add(file):
            for needed in file.dependency:
                if needed in files:
                    add(files.pop(needed))
            self.pool.Add(file)

        while files:
            add(files.pop(next(iter(files))))
        self.factory = message_factory.MessageFactory(self.pool)
        self.package = name.rsplit(".", 1)[0]
        for method in self.pool.FindServiceByName(name).methods:
            kinds = {(False, False): channel.unary_unary, (False, True): channel.unary_stream, (True, True): channel.stream_stream}
            proto = descriptor_pb2.MethodDescriptorProto()
            method.CopyToProto(proto)
            make = kinds[(proto.client_streaming, proto.server_streaming)]
            call = make(
                f"/{name}/{method.name}",
                request_serializer=self.factory.GetPrototype(method.input_type).SerializeToString,
                response_deserializer=self.factory.GetPrototype(method.output_type).FromString,
            )
            setattr(self, method.name, call)

    def message(self, name):
        """The class of a message of the service's package."""
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(f"{self.package}.{name}"))
