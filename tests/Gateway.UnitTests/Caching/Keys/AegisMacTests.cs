using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Gateway.Core.Caching.Keys;

namespace Gateway.UnitTests.Caching.Keys;

/// <summary>The vectors are those of the CFRG's AEGIS draft, appendices A.1 and A.8.</summary>
public sealed class AegisMacTests
{
    private static readonly byte[] Key = Convert.FromHexString("10010000000000000000000000000000");
    private static readonly byte[] Nonce = Convert.FromHexString("10000200000000000000000000000000");

    [Fact]
    public void Round_DraftsVector_Matches()
    {
        Vector128<byte> state = Vector("000102030405060708090a0b0c0d0e0f");
        Vector128<byte> key = Vector("101112131415161718191a1b1c1d1e1f");
        Vector128<byte> expected = Vector("7a7b4e5638782546a8c0477a3b813f43");

        Assert.Equal(expected, AesRound.Of(state, key));
        Assert.Equal(expected, AesRound.Software(state, key));
    }

    [Fact]
    public void Round_InSoftware_IsTheProcessors()
    {
        Random random = new(1);
        Span<byte> bytes = stackalloc byte[32];
        for (int i = 0; i < 10_000; i++)
        {
            random.NextBytes(bytes);
            Vector128<byte> state = Vector128.Create<byte>(bytes[..16]);
            Vector128<byte> key = Vector128.Create<byte>(bytes[16..]);
            Assert.Equal(AesRound.Of(state, key), AesRound.Software(state, key));
        }
    }

    [Fact]
    public void Finish_DraftsVector_Matches()
    {
        AegisMac mac = AegisMac.Begin(Key, Nonce);
        mac.Absorb(Convert.FromHexString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122"));

        Assert.Equal("9490e7c89d420c9f37417fa625eb38e8cad53c5cbec55285e8499ea48377f2a3", Hex(mac));
    }

    [Fact]
    public void Copy_AfterAPrefix_GoesOnFromThere()
    {
        byte[] data = new byte[96];
        new Random(2).NextBytes(data);
        AegisMac whole = AegisMac.Begin(Key, Nonce);
        whole.Absorb(data);
        AegisMac prefix = AegisMac.Begin(Key, Nonce);
        prefix.Absorb(data.AsSpan(0, 32));
        AegisMac one = prefix;
        AegisMac two = prefix;
        one.Absorb(data.AsSpan(32));
        two.Absorb(data.AsSpan(32));

        Assert.Equal(Hex(whole), Hex(one));
        Assert.Equal(Hex(whole), Hex(two));
    }

    [Fact]
    public void Finish_AnyBitOrLengthChanged_IsAnother()
    {
        HashSet<string> seen = [];
        for (int length = 0; length <= 130; length++)
        {
            byte[] data = new byte[length];
            Assert.True(seen.Add(Hex(Of(data))), $"length {length}");
            for (int bit = 0; bit < 8 * length; bit += 7)
            {
                data[bit / 8] ^= (byte)(1 << (bit % 8));
                Assert.True(seen.Add(Hex(Of(data))), $"bit {bit} of {length} bytes");
                data[bit / 8] ^= (byte)(1 << (bit % 8));
            }
        }
    }

    [Fact]
    public void Finish_OtherKey_IsAnother()
    {
        byte[] other = [.. Key];
        other[15] ^= 1;
        AegisMac mac = AegisMac.Begin(other, Nonce);

        Assert.NotEqual(Hex(AegisMac.Begin(Key, Nonce)), Hex(mac));
    }

    private static AegisMac Of(ReadOnlySpan<byte> data)
    {
        AegisMac mac = AegisMac.Begin(Key, Nonce);
        mac.Absorb(data);
        return mac;
    }

    private static string Hex(AegisMac mac)
    {
        (UInt128 first, UInt128 second) = mac.Finish();
        return Convert.ToHexStringLower(MemoryMarshal.AsBytes<UInt128>([first, second]));
    }

    private static Vector128<byte> Vector(string hex) => Vector128.Create<byte>(Convert.FromHexString(hex));
}
