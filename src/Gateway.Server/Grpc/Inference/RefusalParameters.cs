using System.Buffers;
using Gateway.Protocol.Protobuf;

namespace Gateway.Server.Grpc.Inference;

/// <summary>The entries of a response's <c>parameters</c> that tell a refused client why, <c>refusal</c>, and when to come back, <c>retry_after_ms</c>: in a stream, no other place can.</summary>
/// <param name="Reason">As on the wire, in ASCII; null for none.</param>
/// <param name="RetryAfter">Null where nothing is known about that.</param>
internal readonly record struct RefusalParameters(string? Reason, TimeSpan? RetryAfter)
{
    private static ReadOnlySpan<byte> ReasonKey => "refusal"u8;

    private static ReadOnlySpan<byte> RetryKey => "retry_after_ms"u8;

    private ulong Milliseconds => (ulong)Math.Max(0, Math.Ceiling(RetryAfter!.Value.TotalMilliseconds));

    /// <summary>Bytes of the fields.</summary>
    public long Bytes => (Reason is null ? 0 : ResponseParameter.Bytes(ReasonKey, Reason)) + (RetryAfter is null ? 0 : ResponseParameter.Bytes(RetryKey, Milliseconds));

    public void Write<TWriter>(scoped ref TWriter to)
        where TWriter : IBufferWriter<byte>, allows ref struct
    {
        if (Bytes is not (> 0 and long bytes)) return;
        ProtobufWriter writer = new(to.GetSpan((int)bytes));
        if (Reason is not null) ResponseParameter.Write(ref writer, ReasonKey, Reason);
        if (RetryAfter is not null) ResponseParameter.Write(ref writer, RetryKey, Milliseconds);
        to.Advance(writer.Position);
    }
}
