using System.Buffers;
using Gateway.Core.Memory;
using Gateway.Server.Grpc.Inference;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.OpenInference;
using Google.Protobuf;

namespace Gateway.UnitTests.Grpc;

public sealed class GrpcMessageReaderTests : IDisposable
{
    private readonly BlockPool _pool = new(8 << 20, lockPages: false);

    public void Dispose()
    {
        Assert.Equal(0, _pool.RentedBytes);
        _pool.Dispose();
    }

    [Fact]
    public void TryRead_EverySplitOfTwoMessages_ReadsBoth()
    {
        byte[] first = [.. Enumerable.Range(0, 40).Select(each => (byte)each)];
        byte[] wire = [.. GrpcClient.Frame(first), .. GrpcClient.Frame([])];
        for (int split = 0; split <= wire.Length; split++)
        {
            GrpcMessageReader reader = New();

            List<byte[]> read = ReadAll(reader, [wire[..split], wire[split..]]);

            Assert.Equal([first, []], read);
            Assert.False(reader.IsMidMessage);
        }
    }

    [Fact]
    public void TryRead_OneByteAtATime_ReadsAll()
    {
        byte[] wire = [.. GrpcClient.Frame([1, 2, 3]), .. GrpcClient.Frame([]), .. GrpcClient.Frame([4])];

        List<byte[]> read = ReadAll(New(), [.. wire.Select(each => new[] { each })]);

        Assert.Equal([[1, 2, 3], [], [4]], read);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    public void TryRead_Compressed_IsDecompressed(string name)
    {
        byte[] message = new byte[100_000];
        new Random(1).NextBytes(message.AsSpan(0, 1000));
        GrpcMessageReader reader = New();
        reader.Coding = MessageCoding.Parse(name)!.Value;

        List<byte[]> read = ReadAll(reader, [[.. GrpcClient.Frame(GrpcClient.Compress(name, message), 1), .. GrpcClient.Frame([9])]]);

        Assert.Equal([message, [9]], read);
    }

    [Theory]
    [InlineData(2, 0, GrpcStatus.Internal)]
    [InlineData(255, 0, GrpcStatus.Internal)]
    [InlineData(1, 0, GrpcStatus.Internal)]
    [InlineData(0, 2_000_000, GrpcStatus.ResourceExhausted)]
    public void TryRead_BadPrefix_IsRefused(byte flag, int length, object status)
    {
        GrpcMessageReader reader = New();
        byte[] wire = GrpcClient.Frame(new byte[length], flag);

        Assert.Equal(status, Assert.Throws<GrpcException>(() => ReadAll(reader, [wire[..5]])).Status);
    }

    [Theory]
    [InlineData("gzip", new byte[] { 0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF })]
    [InlineData("deflate", new byte[] { 1, 2, 3, 4 })]
    public void TryRead_DamagedCompression_IsRefused(string name, byte[] damaged)
    {
        GrpcMessageReader reader = New();
        reader.Coding = MessageCoding.Parse(name)!.Value;

        Assert.Equal(GrpcStatus.Internal, Assert.Throws<GrpcException>(() => ReadAll(reader, [GrpcClient.Frame(damaged, 1)])).Status);
        reader.Clear();
    }

    [Fact]
    public void TryRead_BombOfZeros_IsStoppedAtTheLimit()
    {
        GrpcMessageReader reader = New();
        reader.Coding = ContentCoding.Gzip;
        byte[] bomb = GrpcClient.Compress("gzip", new byte[20_000_000]);

        Assert.Equal(GrpcStatus.ResourceExhausted, Assert.Throws<GrpcException>(() => ReadAll(reader, [GrpcClient.Frame(bomb, 1)])).Status);
        reader.Clear();
    }

    [Fact]
    public void TryRead_GatheredRequest_HasItsFirstTensorAligned()
    {
        byte[] wire = GrpcClient.Frame(Requests.Raw("vector", [1, 4], 1, 2, 3, 4).ToByteArray());
        GrpcMessageReader reader = New();
        ReadOnlySequence<byte> start = new(wire.AsMemory(0, wire.Length - 3));
        ReadOnlySequence<byte> rest = new(wire.AsMemory(wire.Length - 3));

        Assert.False(reader.TryRead(ref start, out _, InferPeek.FirstTensor));
        Assert.True(reader.TryRead(ref rest, out ReadOnlySpan<byte> message, InferPeek.FirstTensor));

        InferMessage read = new();
        read.Read(message);
        Assert.Equal(0, (reader.Start + read.RawInputs[0].Start) % InferExchange.TensorAlignment);
        reader.Clear();
    }

    private GrpcMessageReader New() => new(_pool) { Most = 1_000_000 };

    /// <summary>Gives the reader one piece after the other, and what it left of the pieces before.</summary>
    private static List<byte[]> ReadAll(GrpcMessageReader reader, byte[][] pieces)
    {
        List<byte[]> read = [];
        byte[] left = [];
        foreach (byte[] piece in pieces)
        {
            ReadOnlySequence<byte> buffer = new([.. left, .. piece]);
            while (reader.TryRead(ref buffer, out ReadOnlySpan<byte> message, firstTensor: null))
            {
                read.Add(message.ToArray());
                reader.Release();
            }

            left = buffer.ToArray();
        }

        return read;
    }
}
