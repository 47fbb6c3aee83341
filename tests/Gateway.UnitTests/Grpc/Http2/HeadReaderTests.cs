using System.Text;
using Gateway.Server.Grpc.Http2;
using Microsoft.Extensions.Primitives;

namespace Gateway.UnitTests.Grpc.Http2;

public sealed class HeadReaderTests
{
    private readonly HeadReader _reader = new();
    private readonly RequestFields _own = new();

    [Fact]
    public void Read_NumbersThatStandForTheSame_AreNotReadAgain()
    {
        byte[] again = [0x83, 0x86, 0x84, 0xBE];
        Assert.Same(_own, _reader.Read([0x83, 0x86, 0x84, .. Kept("x", "1")], _own));

        RequestFields known = _reader.Read(again, _own);
        Assert.NotSame(_own, known);
        Assert.Same(known, _reader.Read(again, _own));
        _reader.Read([0x83, 0x86, 0x84, .. Kept("y", "2")], _own);

        RequestFields other = _reader.Read(again, _own);
        Assert.Equal(("1", "2"), (known["x"].ToString(), other["y"].ToString()));
        Assert.False(other.ContainsKey("x"));
    }

    [Fact]
    public void Fields_AreFoundByNamesOfAnyCase()
    {
        RequestFields fields = _reader.Read([0x83, 0x86, 0x84, .. Kept("content-length", "12"), .. Kept("x-name", "é"), .. Kept("x-name", "2")], _own);

        Assert.Null(fields.Problem);
        Assert.True(fields.IsPost);
        Assert.Equal("/", fields.Path);
        Assert.Equal(12, fields.ContentLength);
        Assert.Equal(new StringValues(["é", "2"]), fields["X-Name"]);
        Assert.Equal("é"u8, fields.Find("x-name"u8));
        Assert.True(fields.TryGetValue("X-NAME", out _));
        Assert.False(fields.TryGetValue("x-nam", out _));
        Assert.Equal(["content-length", "x-name"], fields.Keys);
        Assert.Equal(2, fields.Count);
        Assert.Throws<NotSupportedException>(fields.Clear);
    }

    private static byte[] Kept(string name, string value) => [0x40, (byte)name.Length, .. Encoding.UTF8.GetBytes(name), (byte)Encoding.UTF8.GetByteCount(value), .. Encoding.UTF8.GetBytes(value)];
}
