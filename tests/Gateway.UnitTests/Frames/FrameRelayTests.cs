using Gateway.Protocol.MessagePack;
using Gateway.Server.Frames;

namespace Gateway.UnitTests.Frames;

public sealed class FrameRelayTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(14)]
    public void AnswerOfAReplica_SaysWhereItWasComputed(int entries)
    {
        const string Address = "http://a-replica-with-a-long-name.example:8000";

        MessagePackReader reader = new(FrameRelay.WithServer(Map(entries), Address));

        Assert.True(reader.TryReadMapHeader(out int all));
        Assert.Equal(entries + 1, all);
        for (int i = 0; i < entries; i++)
        {
            Assert.True(reader.TryReadString(out _));
            Assert.True(reader.TryReadInt64(out _));
        }

        Assert.True(reader.TryReadString(out ReadOnlySpan<byte> key));
        Assert.True(reader.TryReadString(out ReadOnlySpan<byte> value));
        Assert.True(key.SequenceEqual("served_by"u8));
        Assert.Equal(Address, System.Text.Encoding.ASCII.GetString(value));
        Assert.True(reader.IsAtEnd);
    }

    [Fact]
    public void LongerMap_StaysAsItIs() => Assert.Equal(Map(15), FrameRelay.WithServer(Map(15), "http://a:8000"));

    private static byte[] Map(int entries)
    {
        byte[] bytes = new byte[64];
        MessagePackWriter writer = new(bytes);
        writer.WriteMapHeader(entries);
        for (int i = 0; i < entries; i++)
        {
            writer.WriteString("k"u8);
            writer.WriteInteger(i);
        }

        return bytes[..writer.Position];
    }
}
