using System.Buffers;
using Gateway.Protocol.Protobuf;

namespace Gateway.Server.Grpc.Inference;

/// <summary>The entries of a response's <c>parameters</c> that tell a refused client why, <c>refusal</c>, and when to come back, <c>retry_after_ms</c>: in a stream, no other place can.</summary>
/// <param name="Reason">As on the wire, in ASCII; null for none.</param>
/// <param name="RetryAfter">Null where nothing is known about that.</param>
internal readonly record struct RefusalParameters(string? Reason, TimeSpan? RetryAfter)
{
    // Of ModelInferResponse.
    private const int ParametersField = 4;

    // Of an entry of the map, and of its value.
    private const int KeyField = 1;
    private const int ValueField = 2;
    private const int Int64Field = 2;
    private const int StringField = 3;

    private static ReadOnlySpan<byte> ReasonKey => "refusal"u8;

    private static ReadOnlySpan<byte> RetryKey => "retry_after_ms"u8;

    private ulong Milliseconds => (ulong)Math.Max(0, Math.Ceiling(RetryAfter!.Value.TotalMilliseconds));

    /// <summary>Bytes of the fields.</summary>
    public long Bytes =>
        (Reason is null ? 0 : ProtobufWriter.FieldSize(EntryBytes(ReasonKey, ProtobufWriter.TextSize(Reason.Length))))
        + (RetryAfter is null ? 0 : ProtobufWriter.FieldSize(EntryBytes(RetryKey, 1 + ProtobufWriter.VarintSize(Milliseconds))));

    public void Write<TWriter>(scoped ref TWriter to)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        if (Bytes is not (> 0 and long bytes)) return;
        ProtobufWriter writer = new(to.GetSpan((int)bytes));
        if (Reason is not null)
        {
            long value = ProtobufWriter.TextSize(Reason.Length);
            WriteKey(ref writer, ReasonKey, value);
            writer.WriteText(StringField, Reason, Reason.Length);
        }

        if (RetryAfter is not null)
        {
            WriteKey(ref writer, RetryKey, 1 + ProtobufWriter.VarintSize(Milliseconds));
            writer.WriteTag(Int64Field, WireType.Varint);
            writer.WriteVarint(Milliseconds);
        }

        to.Advance(writer.Position);
    }

    private static long EntryBytes(ReadOnlySpan<byte> key, long value) => ProtobufWriter.TextSize(key.Length) + ProtobufWriter.FieldSize(value);

    private static void WriteKey(scoped ref ProtobufWriter writer, ReadOnlySpan<byte> key, long value)
    {
        writer.WriteHeader(ParametersField, EntryBytes(key, value));
        writer.WriteText(KeyField, key);
        writer.WriteHeader(ValueField, value);
    }
}
