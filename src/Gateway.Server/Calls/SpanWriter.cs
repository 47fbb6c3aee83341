using System.Buffers;

namespace Gateway.Server.Calls;

/// <summary>Writes into a span, from its beginning; what does not fit is an error of the caller's.</summary>
internal ref struct SpanWriter(Span<byte> span) : IBufferWriter<byte>
{
    private readonly Span<byte> _span = span;

    public int Written { get; private set; }

    public void Advance(int count) => Written += count;

    public readonly Span<byte> GetSpan(int sizeHint = 0) => _span[Written..];

    public readonly Memory<byte> GetMemory(int sizeHint = 0) => throw new NotSupportedException("A span has no memory of its own.");
}
