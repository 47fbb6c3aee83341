using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Memory;

namespace Gateway.UnitTests.Remote;

/// <summary>The model that upstreams answer for, whatever they speak: two rows of two numbers and a string each.</summary>
public abstract class AnswerReaderTesting : IDisposable
{
    private protected static readonly byte[] Numbers = [1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0];
    private protected static readonly byte[] Strings = [1, 0, 0, 0, (byte)'a', 2, 0, 0, 0, (byte)'b', (byte)'c'];

    private protected static readonly ModelLayout Layout = new(
        "m",
        1,
        new ModelConfig { Name = "m", MaxBatchSize = 4 },
        [new TensorSpec("x", DataType.Int32, [2], [2], [])],
        [new TensorSpec("y", DataType.Int32, [2], [2], []), new TensorSpec("s", DataType.Bytes, [1], [1], [])]);

    private protected BlockPool Pool { get; } = new(16 << 20, lockPages: false);

    public void Dispose()
    {
        Pool.AssertAllBack();
        Pool.Dispose();
        GC.SuppressFinalize(this);
    }
}
