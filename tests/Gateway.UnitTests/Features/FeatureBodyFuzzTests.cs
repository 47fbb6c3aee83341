using System.Text;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.Features;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Features;

/// <summary>Damaged bodies of calls to feature views: the client's mistake, or keys and rows of the right lengths; never another fault, never a leak.</summary>
public sealed class FeatureBodyFuzzTests
{
    private const int Bodies = 20_000;

    private static readonly string[] Jsons =
    [
        """{"keys":["a","bc","\u00e9\n"],"rows":[[1,2],[-3,4e0],[5,6]]}""",
        """{"rows":[1,2,3,4],"keys":["",""],"other":{"x":[null,true]}}""",
        """{"keys":[1,-2,9223372036854775807],"rows":[[1,2],[3,4],[5,6]]}""",
        """{"row":[7,8]}""",
        """{"row":[[7],[8]],"row":[1,2]}""",
    ];

    [Theory]
    [InlineData(1, DataType.Bytes)]
    [InlineData(2, DataType.Int64)]
    public void Json_Damaged_IsTheClientsMistakeOrWhole(int seed, DataType key) =>
        Run(seed, key, random => RandomJson.Mutate(random, Encoding.UTF8.GetBytes(Jsons[random.Next(Jsons.Length)])), isPacked: false);

    [Theory]
    [InlineData(3, DataType.Bytes)]
    [InlineData(4, DataType.Int64)]
    public void MessagePack_Damaged_IsTheClientsMistakeOrWhole(int seed, DataType key) => Run(seed, key, random => Damage(random, Packed(random, key)), isPacked: true);

    [Fact]
    public void PackedRow_WithMoreBehindIt_OrTwice_IsRefused()
    {
        byte[] row = new byte[16];
        byte[] whole = Message(Member("row", row));
        byte[] twice = Message(Member("row", row), Member("row", row));
        Assert.Null(Refusal(whole));
        Assert.Contains("ends at byte", Refusal([.. whole, 0]), StringComparison.Ordinal);
        Assert.Contains("'row'", Refusal(twice), StringComparison.Ordinal);

        static string? Refusal(byte[] message)
        {
            using BlockPool pool = new(16 << 20, lockPages: false);
            using FeatureBody body = FeatureBody.OfKey(Config(DataType.Bytes), pool, "a"u8);
            return Record.Exception(() => body.ReadPackedRow(message))?.Message;
        }
    }

    private static void Run(int seed, DataType key, Func<Random, byte[]> make, bool isPacked)
    {
        Random random = new(seed);
        FeatureViewConfig config = Config(key);
        using BlockPool pool = new(64 << 20, lockPages: false);
        int whole = 0;
        for (int i = 0; i < Bodies; i++)
        {
            byte[] bytes = make(random);
            int kind = random.Next(3);
            try
            {
                using FeatureBody body = kind == 0 ? FeatureBody.OfKey(config, pool, key == DataType.Int64 ? new byte[8] : "k"u8) : new FeatureBody(config, pool);
                if (kind == 0 && isPacked) body.ReadPackedRow(bytes);
                else if (kind == 0) body.ReadJsonRow(bytes);
                else if (isPacked) body.ReadPacked(bytes, hasRows: kind == 1);
                else body.ReadJson(bytes, hasRows: kind == 1);
                AssertWhole(body, config, hasRows: kind < 2);
                whole++;
            }
            catch (InferenceException)
            {
                // The client's.
            }

            Assert.True(pool.RentedBytes == 0, $"body {i} of seed {seed} has left memory behind");
        }

        Assert.True(whole > Bodies / 100, $"{whole} were left whole");
    }

    private static void AssertWhole(FeatureBody body, FeatureViewConfig config, bool hasRows)
    {
        ReadOnlySpan<byte> keys = body.Keys.Span;
        int count = 0;
        if (config.KeyType == DataType.Int64) count = keys.Length / sizeof(long);
        else for (; keys.Length > 0; count++) Assert.True(RawStrings.TryRead(ref keys, out _));
        Assert.Equal(body.Count, count);
        if (hasRows) Assert.Equal(count * config.RowBytes, body.Rows.Length);
    }

    private static FeatureViewConfig Config(DataType key) => new() { Name = "v", KeyType = key, DataType = DataType.Int64, Row = new TensorShape([2]), Default = new byte[16] };

    private static byte[] Packed(Random random, DataType key)
    {
        if (random.Next(3) == 0) return Message(Member("row", new byte[16]));
        int count = random.Next(4);
        bool isRaw = random.Next(2) == 0;
        byte[] raw = key == DataType.Int64 ? new byte[8 * count] : [.. Enumerable.Range(0, count).SelectMany(i => (byte[])[1, 0, 0, 0, (byte)('a' + i)])];
        return Message(isRaw ? Member("keys", raw) : Keys(key, count), Member("rows", new byte[16 * count]));
    }

    private static byte[] Damage(Random random, byte[] message)
    {
        List<byte> bytes = [.. message];
        for (int changes = random.Next(3); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.Insert(at, (byte)random.Next(256)); break;
                default: bytes.RemoveRange(at, bytes.Count - at); break;
            }
        }

        return [.. bytes];
    }

    private static byte[] Message(params byte[][] members) => [(byte)(0x80 | members.Length), .. members.SelectMany(member => member)];

    private static byte[] Member(string name, byte[] value)
    {
        byte[] bytes = new byte[64 + value.Length];
        MessagePackWriter writer = new(bytes);
        writer.WriteString(Encoding.UTF8.GetBytes(name));
        writer.WriteBinary(value);
        return bytes[..writer.Position];
    }

    private static byte[] Keys(DataType key, int count)
    {
        byte[] bytes = new byte[64];
        MessagePackWriter writer = new(bytes);
        writer.WriteString("keys"u8);
        writer.WriteArrayHeader(count);
        for (int i = 0; i < count; i++)
        {
            if (key == DataType.Int64) writer.WriteInteger(i - 1);
            else writer.WriteString("key"u8);
        }

        return bytes[..writer.Position];
    }
}
