using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.MessagePack;
using Gateway.TestSupport;
using Gateway.TestSupport.MessagePack;

namespace Gateway.UnitTests.Messages;

/// <summary>Requests that are read once and recognised after that.</summary>
public sealed class InferMessageTests
{
    private const int Before = 3;

    [Fact]
    public void Read_TheSameAgainWithOtherTensors_NeedNotBeRead()
    {
        InferMessage message = new();

        Assert.True(Read(message, Bytes(1)));
        Assert.False(Read(message, Bytes(2)));
        Assert.False(Read(message, Bytes(3)));
        Assert.Equal("m"u8.ToArray(), message.ModelName!.Value.Of(Bytes(3)).ToArray());
    }

    [Fact]
    public async Task Fill_TheSameAgain_FindsTheNewTensors()
    {
        await using TestModel model = new(new TestModelSetup
        {
            CreateExecutor = (layout, pool, time) => new FunctionExecutor(layout, pool, time, (_, _, _) => { }),
            Inputs = [TestModelSetup.Tensor("x", DataType.Int64, 1), TestModelSetup.Tensor("w", DataType.Int64, 1)],
        });
        InferMessage message = new();
        Read(message, Bytes(1));
        byte[] again = Bytes(7);
        Read(message, again);
        using InferenceRequest request = model.Model.RentRequest();

        message.Fill(request, again, []);

        Assert.Equal(7, BitConverter.ToInt64(again, request.Inputs[0].Offset));
        Assert.Equal(-7, BitConverter.ToInt64(again, request.Inputs[1].Offset));
        Assert.Equal(9, request.TimeoutMicroseconds);
    }

    [Fact]
    public void Read_AnyByteBesideTheTensorsDiffers_IsReadAnew()
    {
        InferMessage message = new();
        byte[] good = Bytes(1);
        int[] tensors = [IndexOf(good, BitConverter.GetBytes(1L)), IndexOf(good, BitConverter.GetBytes(-1L))];
        for (int i = Before; i < good.Length; i++)
        {
            if (tensors.Any(tensor => i >= tensor && i < tensor + sizeof(long))) continue;
            Read(message, good);
            byte[] changed = [.. good];
            changed[i] ^= 1;

            bool isRead = Succeeds(message, changed, out bool isNew);

            Assert.True(!isRead || isNew, $"byte {i}");

            // And what failed leaves nothing behind that the good one could be taken for.
            Assert.True(Read(message, good), $"after byte {i}");
        }
    }

    [Fact]
    public void Read_LiesElsewhere_IsReadAnew()
    {
        InferMessage message = new();
        Read(message, Bytes(1));

        Assert.True(Read(message, [0, .. Bytes(1)], Before + 1));
    }

    [Fact]
    public void Read_NothingAtAll_IsAnErrorEachTime()
    {
        InferMessage message = new();

        Assert.Throws<InferenceException>(() => Read(message, [], 0));
        Assert.Throws<InferenceException>(() => Read(message, [], 0));
    }

    [Fact]
    public void Read_MoreThanIsRemembered_IsReadEachTime()
    {
        InferMessage message = new();
        byte[] large = [0, 0, 0, .. MessageTree.Write(Map(("model_name", new string('m', 2000)), ("inputs", Array.Empty<object?>())))];

        Assert.True(Read(message, large));
        Assert.True(Read(message, large));
    }

    /// <summary>A request of two tensors, somewhere behind the beginning of a message.</summary>
    private static byte[] Bytes(long value) =>
    [
        0, 0, 0,
        .. MessageTree.Write(Map(
            ("model_name", "m"),
            ("inputs", new object?[] { Tensor("x", value), Tensor("w", -value) }),
            ("parameters", Map(("timeout", (Int128)9))))),
    ];

    private static List<KeyValuePair<object?, object?>> Tensor(string name, long value) =>
        Map(("name", name), ("datatype", "INT64"), ("shape", new object?[] { (Int128)1, (Int128)1 }), ("data", BitConverter.GetBytes(value)));

    private static List<KeyValuePair<object?, object?>> Map(params (string Key, object? Value)[] entries) => [.. entries.Select(entry => KeyValuePair.Create((object?)entry.Key, entry.Value))];

    private static bool Read(InferMessage message, byte[] bytes, int start = Before)
    {
        MessagePackReader reader = new(bytes);
        for (int i = 0; i < start; i++) reader.TrySkip();
        return message.Read(ref reader, bytes);
    }

    private static bool Succeeds(InferMessage message, byte[] bytes, out bool isNew)
    {
        isNew = false;
        try
        {
            isNew = Read(message, bytes);
            return true;
        }
        catch (InferenceException)
        {
            return false;
        }
    }

    private static int IndexOf(byte[] bytes, byte[] part) => bytes.AsSpan().IndexOf(part);
}
