namespace Gateway.Protocol.Protobuf;

/// <summary>Bytes are no message; the text says what is wrong and where.</summary>
public sealed class ProtobufException(string what, int position) : Exception($"{what} at byte {position}");
