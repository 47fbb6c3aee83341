using Gateway.Protocol.Frames;
using Gateway.UnitTests.Messages;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Frames;

/// <summary>Where a frame's first tensor will lie is told from what comes before it.</summary>
public sealed class FrameLayoutTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(300)]
    [InlineData(70_000)]
    public void FirstTensor_FromTheBeginningAlone_IsWhereItsBytesBegin(int bytes)
    {
        byte[] data = new byte[bytes];
        data.AsSpan().Fill(0xAB);
        Map request = Maps.With(Maps.Request("x", "UINT8", [1, bytes], data), "model_name", "m");
        byte[] message = Maps.Write(new object?[] { "infer", 7L, request });
        byte[] body = Maps.Write(request);
        int expected = message.AsSpan().IndexOf((byte)0xAB);

        Assert.Equal(expected, FrameLayout.FirstTensor(message));
        Assert.Equal(expected, FrameLayout.FirstTensor(message.AsSpan(0, expected)));
        Assert.Equal(body.AsSpan().IndexOf((byte)0xAB), FrameLayout.FirstTensorOfRequest(body.AsSpan(0, body.AsSpan().IndexOf((byte)0xAB))));
    }

    [Fact]
    public void FirstTensor_CannotBeTold_IsZero()
    {
        byte[] message = Maps.Write(new object?[] { "infer", 7L, Maps.With(Maps.Request(1, 2), "model_name", "m") });
        int data = FrameLayout.FirstTensor(message);

        for (int length = 0; length < data - 2; length++) Assert.Equal(0, FrameLayout.FirstTensor(message.AsSpan(0, length)));
        Assert.Equal(0, FrameLayout.FirstTensor(Maps.Write(new object?[] { "ping", 7L, null })));
        Assert.Equal(0, FrameLayout.FirstTensor(Maps.Write(new object?[] { "infer", 7L, new Map { ["inputs"] = Array.Empty<object?>() } })));
    }

    [Fact]
    public void FirstTensor_AnyBytes_DoesNotThrow()
    {
        Random random = new(3);
        for (int i = 0; i < 20_000; i++)
        {
            byte[] bytes = new byte[random.Next(64)];
            random.NextBytes(bytes);
            Assert.InRange(FrameLayout.FirstTensor(bytes), 0, bytes.Length + 5);
        }
    }
}
