using BenchmarkDotNet.Attributes;
using Gateway.Protocol.MessagePack;

namespace Gateway.Benchmarks.MessagePack;

/// <summary>Writing a message with a tensor and reading it again, beside the bare copy of the tensor's bytes that is within the writing.</summary>
/// <remarks>Reading copies nothing. GB/s are the tensor's bytes ÷ the mean in ns.</remarks>
[MemoryDiagnoser]
public class MessagePackBenchmarks
{
    // More than all that the message has besides.
    private const int MostOtherBytes = 128;

    private byte[] _tensor = [];
    private byte[] _message = [];
    private int _messageBytes;

    /// <summary>64 floats; a picture of 3 × 224 × 224.</summary>
    [Params(64 * 4, 3 * 224 * 224 * 4)]
    public int TensorBytes { get; set; } = 64 * 4;

    [GlobalSetup]
    public void Setup()
    {
        _tensor = new byte[TensorBytes];
        new Random(TensorBytes).NextBytes(_tensor);
        _message = new byte[TensorBytes + MostOtherBytes];
        _messageBytes = Write();
    }

    [Benchmark(Baseline = true)]
    public void Copy() => _tensor.CopyTo(_message, 0);

    /// <returns>Bytes of the message.</returns>
    [Benchmark]
    public int Write()
    {
        MessagePackWriter writer = new(_message);
        writer.WriteMapHeader(3);
        writer.WriteString("model"u8);
        writer.WriteString("classifier"u8);
        writer.WriteString("id"u8);
        writer.WriteInteger(123_456_789);
        writer.WriteString("inputs"u8);
        writer.WriteArrayHeader(1);
        writer.WriteMapHeader(4);
        writer.WriteString("name"u8);
        writer.WriteString("x"u8);
        writer.WriteString("datatype"u8);
        writer.WriteString("FP32"u8);
        writer.WriteString("shape"u8);
        writer.WriteArrayHeader(2);
        writer.WriteInteger(1);
        writer.WriteInteger(TensorBytes / 4);
        writer.WriteString("data"u8);
        writer.WriteBinary(_tensor);
        return writer.Position;
    }

    /// <summary>Takes every value, with known keys looked for as a protocol does.</summary>
    /// <returns>Bytes of the tensor; -1 if something is wrong.</returns>
    [Benchmark]
    public int Read()
    {
        MessagePackReader reader = new(_message.AsSpan(0, _messageBytes));
        ReadOnlySpan<byte> data = default;
        if (!reader.TryReadMapHeader(out int entries)) return -1;
        for (int entry = 0; entry < entries; entry++)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return -1;
            bool isRead = key.SequenceEqual("model"u8) ? reader.TryReadString(out _)
                : key.SequenceEqual("id"u8) ? reader.TryReadInt64(out _)
                : key.SequenceEqual("inputs"u8) ? ReadInputs(ref reader, out data)
                : reader.TrySkip();
            if (!isRead) return -1;
        }

        return reader.IsAtEnd ? data.Length : -1;
    }

    [Benchmark]
    public int WriteRead()
    {
        Write();
        return Read();
    }

    /// <summary>Goes over the whole message as over something unknown.</summary>
    [Benchmark]
    public bool Skip()
    {
        MessagePackReader reader = new(_message.AsSpan(0, _messageBytes));
        return reader.TrySkip();
    }

    private static bool ReadInputs(scoped ref MessagePackReader reader, out ReadOnlySpan<byte> data)
    {
        data = default;
        if (!reader.TryReadArrayHeader(out int inputs)) return false;
        for (int input = 0; input < inputs; input++)
        {
            if (!reader.TryReadMapHeader(out int entries)) return false;
            for (int entry = 0; entry < entries; entry++)
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return false;
                bool isRead = key.SequenceEqual("name"u8) || key.SequenceEqual("datatype"u8) ? reader.TryReadString(out _)
                    : key.SequenceEqual("shape"u8) ? ReadShape(ref reader)
                    : key.SequenceEqual("data"u8) ? reader.TryReadBinary(out data)
                    : reader.TrySkip();
                if (!isRead) return false;
            }
        }

        return true;
    }

    private static bool ReadShape(scoped ref MessagePackReader reader)
    {
        if (!reader.TryReadArrayHeader(out int dimensions)) return false;
        for (int i = 0; i < dimensions; i++)
        {
            if (!reader.TryReadInt64(out _)) return false;
        }

        return true;
    }
}
