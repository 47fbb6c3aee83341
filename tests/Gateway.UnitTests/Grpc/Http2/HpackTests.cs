using System.Text;
using Gateway.Load.Carriers.Http2;
using Gateway.Protocol.Http2;

namespace Gateway.UnitTests.Grpc.Http2;

/// <summary>The examples are RFC 7541's, appendix C.</summary>
public class HpackTests
{
    [Theory]
    [InlineData("828684410f7777772e6578616d706c652e636f6d", ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n")]
    [InlineData("828684418cf1e3c2e5f23a6ba0ab90f4ff", ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n")]
    [InlineData("400a637573746f6d2d6b65790d637573746f6d2d686561646572", "custom-key: custom-header\n")]
    [InlineData("040c2f73616d706c652f70617468", ":path: /sample/path\n")]
    public void TryRead_Example_HasItsFields(string block, string fields) => Assert.Equal(fields, Read(new HpackDecoder(), Convert.FromHexString(block)));

    [Fact]
    public void TryRead_BlocksThatReferToOthers_AreFound()
    {
        HpackDecoder decoder = new();
        const string Rest = "cache-control: private\ndate: Mon, 21 Oct 2013 20:13:21 GMT\nlocation: https://www.example.com\n";

        // With a table of 256 bytes, as the examples have it: the second block pushes out an entry of the first.
        byte[] first = [0x3F, 0xE1, 0x01, .. Convert.FromHexString("488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3")];
        Assert.Equal($":status: 302\n{Rest}", Read(decoder, first));
        Assert.Equal($":status: 307\n{Rest}", Read(decoder, Convert.FromHexString("4883640effc1c0bf")));
    }

    [Theory]
    [InlineData("828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865", "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565")]
    [InlineData("828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf", "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf")]
    public void TryRead_RequestsOfOneConnection_AreFound(string first, string second, string third)
    {
        HpackDecoder decoder = new();
        const string Plain = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n";

        Assert.Equal(Plain, Read(decoder, Convert.FromHexString(first)));
        Assert.Equal($"{Plain}cache-control: no-cache\n", Read(decoder, Convert.FromHexString(second)));
        Assert.Equal(":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n", Read(decoder, Convert.FromHexString(third)));
    }

    [Fact]
    public void TryRead_MoreThanTheTableHolds_KeepsTheNewest()
    {
        HpackDecoder decoder = new();
        for (int i = 0; i < 1000; i++)
        {
            byte[] name = Encoding.ASCII.GetBytes($"name-{i}");
            Read(decoder, [0x40, (byte)name.Length, .. name, 3, .. "abc"u8]);
            Assert.Equal($"name-{i}: abc\n", Read(decoder, [0x80 | 62]));
            if (i > 10) Assert.Equal($"name-{i - 10}: abc\n", Read(decoder, [0x80 | 72]));
        }
    }

    [Theory]
    [InlineData("80")]
    [InlineData("be")]
    [InlineData("3fe21f")]
    [InlineData("0005")]
    [InlineData("ffffffffffffffffff")]
    [InlineData("000181ff")]
    [InlineData("0001618400000000")]
    public void TryRead_MalformedBlock_IsInvalidData(string block) => Assert.Throws<InvalidDataException>(() => Read(new HpackDecoder(), Convert.FromHexString(block)));

    [Fact]
    public void TryRead_RandomBlocks_AreInvalidDataAndNothingElse()
    {
        Random random = new(4);
        HpackDecoder decoder = new();
        for (int i = 0; i < 20_000; i++)
        {
            byte[] block = new byte[random.Next(1, 40)];
            random.NextBytes(block);
            try
            {
                Read(decoder, block);
            }
            catch (InvalidDataException)
            {
                // What a connection is closed for.
            }
        }
    }

    [Fact]
    public void Create_Block_ReadsTheSameInAllItsForms()
    {
        HeaderBlock headers = HeaderBlock.Create([3, 6], [(":path", "/a"), ("x", new string('y', 300)), ("te", "trailers")], ("tail", 3));
        HpackDecoder decoder = new();

        string first = Read(decoder, headers.First);

        Assert.Equal(first, Read(decoder, headers.Again));
        Assert.Equal(first, Read(new HpackDecoder(), headers.Plain));
        Assert.StartsWith(":method: POST\n:scheme: http\n:path: /a\nx: yyy", first);
        Assert.EndsWith("te: trailers\ntail: \0\0\0\n", first);
        Assert.True(headers.Again.Length < 20);
    }

    private static string Read(HpackDecoder decoder, ReadOnlySpan<byte> block)
    {
        StringBuilder text = new();
        int at = 0;
        while (decoder.TryRead(block, ref at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)) text.Append(Encoding.ASCII.GetString(name)).Append(": ").Append(Encoding.ASCII.GetString(value)).Append('\n');
        return text.ToString();
    }
}
