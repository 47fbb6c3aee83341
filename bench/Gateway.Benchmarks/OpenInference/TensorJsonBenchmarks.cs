using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Benchmarks.OpenInference;

/// <summary>Reading a JSON tensor into its memory, beside <see cref="Utf8JsonReader"/> doing the same.</summary>
/// <remarks>The document is a megabyte long, so a mean of 1 ms is 1000 MB/s.</remarks>
[MemoryDiagnoser]
public class TensorJsonBenchmarks
{
    private const int DocumentBytes = 1_000_000;

    // "-1.2345678E-12," and some to spare.
    private const int MostElementBytes = 24;

    private const int Seed = 20261122;

    private byte[] _document = [];
    private byte[] _tensor = [];

    /// <summary>Numbers with all their digits; small whole ones, such as pixels.</summary>
    [Params(DataType.Fp32, DataType.UInt8)]
    public DataType Type { get; set; } = DataType.Fp32;

    [GlobalSetup]
    public void Setup()
    {
        Random random = new(Seed);
        _document = new byte[DocumentBytes];
        Span<byte> rest = _document;
        rest[0] = (byte)'[';
        rest = rest[1..];
        int elements = 0;
        while (rest.Length > MostElementBytes)
        {
            if (elements++ > 0)
            {
                rest[0] = (byte)',';
                rest = rest[1..];
            }

            int written;
            if (Type == DataType.Fp32) Utf8Formatter.TryFormat(random.NextSingle(), rest, out written);
            else Utf8Formatter.TryFormat(random.Next(byte.MaxValue + 1), rest, out written);
            rest = rest[written..];
        }

        rest.Fill((byte)' ');
        rest[^1] = (byte)']';
        _tensor = new byte[elements * Type.Size()];
    }

    [Benchmark(Baseline = true)]
    public void SystemTextJson()
    {
        Utf8JsonReader reader = new(_document);
        reader.Read();
        if (Type == DataType.Fp32)
        {
            Span<float> elements = MemoryMarshal.Cast<byte, float>(_tensor.AsSpan());
            for (int i = 0; reader.Read() && reader.TokenType == JsonTokenType.Number; i++) elements[i] = reader.GetSingle();
        }
        else
        {
            for (int i = 0; reader.Read() && reader.TokenType == JsonTokenType.Number; i++) _tensor[i] = reader.GetByte();
        }
    }

    [Benchmark]
    public void TensorJson()
    {
        JsonCursor cursor = new(_document);
        TensorJsonReader.ReadFixed(ref cursor, Type, _tensor, new JsonString("x"u8, hasEscapes: false));
    }
}
