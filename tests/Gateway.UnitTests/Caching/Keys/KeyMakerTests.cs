using Gateway.Core.Caching.Keys;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Caching.Keys;

/// <summary>Whatever an answer depends on changes the key, and nothing else does.</summary>
public sealed class KeyMakerTests : IAsyncLifetime
{
    private static readonly CacheSecret Secret = new(new byte[CacheSecret.Bytes]);

    private readonly TestModel _model = new(new TestModelSetup
    {
        CreateExecutor = (_, pool, time) => new NumberModel(pool, time, 1),
        Inputs = [TestModelSetup.Tensor("a", DataType.Int64, -1), TestModelSetup.Tensor("b", DataType.Int64, -1)],
    });

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _model.DisposeAsync();

    [Fact]
    public void Key_EachIngredient_ChangesIt()
    {
        HashSet<CacheKey> keys = [Key()];
        Assert.True(keys.Add(Key(model: "n")), "model");
        Assert.True(keys.Add(Key(model: "m2", version: 1)), "longer model");
        Assert.True(keys.Add(Key(version: 2)), "version");
        Assert.True(keys.Add(Key(generation: 2)), "generation");
        Assert.True(keys.Add(Key(type: DataType.UInt64)), "type");
        Assert.True(keys.Add(Key(dims: [2, 2])), "shape");
        Assert.True(keys.Add(Key(dims: [4, 1])), "shape the other way round");
        Assert.True(keys.Add(Key(dims: [4])), "rank");
        Assert.True(keys.Add(Key(first: [1, 2, 3, 5])), "a byte of the first input");
        Assert.True(keys.Add(Key(second: [9, 8, 7, 5])), "a byte of the second input");
        Assert.True(keys.Add(Key(first: [9, 8, 7, 6], second: [1, 2, 3, 4])), "inputs exchanged");
        Assert.True(keys.Add(Key(first: [1, 2, 3, 4, 9], second: [8, 7, 6], dims: null)), "a value that moved from one input to the other");
        Assert.True(keys.Add(Key(first: [1, 2, 3, 4, 0], dims: null)), "a zero behind");
        byte[] secret = new byte[CacheSecret.Bytes];
        secret[^1] = 1;
        Assert.True(keys.Add(Key(secret: new CacheSecret(secret))), "secret");
    }

    [Fact]
    public void Key_WhereAndHowTheRequestLies_DoesNot()
    {
        CacheKey key = Key();

        Assert.Equal(key, Key());
        Assert.Equal(key, Key(gap: 64));
        Assert.Equal(key, Key(touch: request =>
        {
            request.Id = "another";
            request.Priority = 2;
            request.LimitTime(1000);
        }));
    }

    [Fact]
    public void Key_EveryBitOfTheInputs_ChangesIt()
    {
        HashSet<CacheKey> keys = [Key()];
        for (int bit = 0; bit < 4 * 64; bit++)
        {
            long[] first = [1, 2, 3, 4];
            first[bit / 64] ^= 1L << (bit % 64);
            Assert.True(keys.Add(Key(first: first)), $"bit {bit}");
        }
    }

    private CacheKey Key(string model = "m", long version = 1, int generation = 1, DataType type = DataType.Int64, long[]? dims = null, long[]? first = null, long[]? second = null,
        int gap = 0, CacheSecret? secret = null, Action<InferenceRequest>? touch = null)
    {
        first ??= [1, 2, 3, 4];
        second ??= [9, 8, 7, 6];
        using InferenceRequest request = _model.Model.RentRequest();
        int firstBytes = first.Length * sizeof(long);
        Assert.True(_model.Pool.TryRent(firstBytes + gap + (second.Length * sizeof(long)), BlockOwner.RequestTensors, out MemoryBlock? block));
        request.Block = block;
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(first.AsSpan()).CopyTo(block.Span);
        System.Runtime.InteropServices.MemoryMarshal.AsBytes(second.AsSpan()).CopyTo(block.Span[(firstBytes + gap)..]);
        request.Inputs[0] = new InputTensor { DataType = type, Shape = new TensorShape(dims ?? [1, first.Length]), ByteLength = firstBytes };
        request.Inputs[1] = new InputTensor { DataType = DataType.Int64, Shape = new TensorShape([1, second.Length]), Offset = firstBytes + gap, ByteLength = second.Length * sizeof(long) };
        touch?.Invoke(request);
        return new KeyMaker(secret ?? Secret, model, version, (UInt128)generation).Of(request);
    }
}
