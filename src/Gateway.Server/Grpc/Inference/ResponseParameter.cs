using Gateway.Protocol.Protobuf;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Writes entries of a response's <c>parameters</c>, a map of names to values of several kinds.</summary>
internal static class ResponseParameter
{
    // Of ModelInferResponse.
    private const int ParametersField = 4;

    // Of an entry of the map, and of its value.
    private const int KeyField = 1;
    private const int ValueField = 2;
    private const int Int64Field = 2;
    private const int StringField = 3;

    /// <param name="value">ASCII.</param>
    public static long Bytes(ReadOnlySpan<byte> key, string value) => ProtobufWriter.FieldSize(EntryBytes(key, ProtobufWriter.TextSize(value.Length)));

    public static long Bytes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => ProtobufWriter.FieldSize(EntryBytes(key, ProtobufWriter.TextSize(value.Length)));

    public static long Bytes(ReadOnlySpan<byte> key, ulong value) => ProtobufWriter.FieldSize(EntryBytes(key, 1 + ProtobufWriter.VarintSize(value)));

    public static void Write(scoped ref ProtobufWriter writer, ReadOnlySpan<byte> key, string value)
    {
        WriteKey(ref writer, key, ProtobufWriter.TextSize(value.Length));
        writer.WriteText(StringField, value, value.Length);
    }

    public static void Write(scoped ref ProtobufWriter writer, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        WriteKey(ref writer, key, ProtobufWriter.TextSize(value.Length));
        writer.WriteText(StringField, value);
    }

    public static void Write(scoped ref ProtobufWriter writer, ReadOnlySpan<byte> key, ulong value)
    {
        WriteKey(ref writer, key, 1 + ProtobufWriter.VarintSize(value));
        writer.WriteTag(Int64Field, WireType.Varint);
        writer.WriteVarint(value);
    }

    private static long EntryBytes(ReadOnlySpan<byte> key, long value) => ProtobufWriter.TextSize(key.Length) + ProtobufWriter.FieldSize(value);

    private static void WriteKey(scoped ref ProtobufWriter writer, ReadOnlySpan<byte> key, long value)
    {
        writer.WriteHeader(ParametersField, EntryBytes(key, value));
        writer.WriteText(KeyField, key);
        writer.WriteHeader(ValueField, value);
    }
}
