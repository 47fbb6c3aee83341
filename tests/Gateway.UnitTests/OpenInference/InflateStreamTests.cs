using System.IO.Compression;
using Gateway.Server.OpenInference;

namespace Gateway.UnitTests.OpenInference;

public sealed class InflateStreamTests
{
    public static TheoryData<string, bool, bool> Streams
    {
        get
        {
            TheoryData<string, bool, bool> all = [];
            foreach (string content in (string[])["", "Z", "abc", "noise", "zeros"])
            {
                foreach (bool isGzip in (bool[])[true, false])
                {
                    all.Add(content, isGzip, true);
                    all.Add(content, isGzip, false);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task Read_WholeStream_GivesItsContent(string name, bool isGzip, bool isAsync)
    {
        byte[] content = Content(name);

        Assert.Equal(content, await ReadAsync(Pack(content, isGzip), isGzip, isAsync, pieces: 8192));
        Assert.Equal(content, await ReadAsync(Pack(content, isGzip), isGzip, isAsync, pieces: 1));
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task Read_StreamThatIsCutShort_IsRefused(string name, bool isGzip, bool isAsync)
    {
        byte[] packed = Pack(Content(name), isGzip);
        int step = Math.Max(1, packed.Length / 200);
        for (int length = 1; length < packed.Length; length += length < packed.Length - 50 ? step : 1)
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(packed[..length], isGzip, isAsync, pieces: 8192));
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync(packed[..length], isGzip, isAsync, pieces: 7));
        }
    }

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task Read_StreamThatGoesOn_IsRefused(string name, bool isGzip, bool isAsync)
    {
        byte[] packed = Pack(name.Length == 0 ? [7] : Content(name), isGzip);
        foreach (byte[] more in new byte[][] { [0], [0x1F], [1, 2, 3], new byte[20_000], Pack([1], !isGzip) })
        {
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync([.. packed, .. more], isGzip, isAsync, pieces: 8192));
            await Assert.ThrowsAsync<InvalidDataException>(() => ReadAsync([.. packed, .. more], isGzip, isAsync, pieces: 5));
        }
    }

    [Fact]
    public async Task Read_SeveralMembersOfGzip_AreOne() =>
        Assert.Equal([1, 2, (byte)'Z'], await ReadAsync([.. Pack([1, 2], isGzip: true), .. Pack([(byte)'Z'], isGzip: true)], isGzip: true, isAsync: false, pieces: 8192));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_DamagedStreams_AreRefusedOrWhole(bool isGzip)
    {
        Random random = new(20261126);
        byte[] content = Content("abc");
        byte[] packed = Pack(content, isGzip);
        for (int i = 0; i < 2000; i++)
        {
            byte[] damaged = [.. packed];
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                // What gzip's header says of name and time may be anything.
                Assert.Equal(content, await ReadAsync(damaged, isGzip, isAsync: false, pieces: 8192));
            }
            catch (InvalidDataException)
            {
                // As it should be.
            }
        }
    }

    private static byte[] Content(string name)
    {
        if (name == "zeros") return new byte[100_000];
        byte[] content = new byte[name == "noise" ? 30_000 : name.Length];
        if (name == "noise") new Random(7).NextBytes(content);
        else System.Text.Encoding.ASCII.GetBytes(name, content);
        return content;
    }

    private static byte[] Pack(byte[] bytes, bool isGzip)
    {
        MemoryStream packed = new();
        using (Stream stream = isGzip ? new GZipStream(packed, CompressionLevel.Fastest) : new ZLibStream(packed, CompressionLevel.Fastest)) stream.Write(bytes);
        return packed.ToArray();
    }

    private static async Task<byte[]> ReadAsync(byte[] packed, bool isGzip, bool isAsync, int pieces)
    {
        using InflateStream stream = new(new Pieces(packed, pieces), isGzip);
        MemoryStream content = new();
        byte[] buffer = new byte[1000];
        int count;
        while ((count = isAsync ? await stream.ReadAsync(buffer, TestContext.Current.CancellationToken) : stream.Read(buffer)) > 0) content.Write(buffer, 0, count);
        Assert.Equal(0, stream.Read(buffer));
        return content.ToArray();
    }

    /// <summary>Gives a few bytes a read.</summary>
    private sealed class Pieces(byte[] bytes, int most) : MemoryStream(bytes)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, most)]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => base.ReadAsync(buffer[..Math.Min(buffer.Length, most)], cancellationToken);
    }
}
