using Gateway.OnnxRuntime.Values;

namespace Gateway.UnitTests.OnnxRuntime;

/// <summary>Reads and writes tensors as spans, which is safe here because a test holds its tensors to its end.</summary>
internal static unsafe class OrtValueSpans
{
    public static Span<byte> Bytes(this OrtValue value) => new((void*)value.Data, (int)value.ByteLength);

    public static Span<float> Floats(this OrtValue value) => new((void*)value.Data, (int)value.ElementCount);

    public static Span<long> Longs(this OrtValue value) => new((void*)value.Data, (int)value.ElementCount);
}
