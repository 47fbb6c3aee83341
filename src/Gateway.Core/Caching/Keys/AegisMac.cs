using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Gateway.Core.Caching.Keys;

/// <summary>AEGISMAC-128L: a keyed 256-bit digest of any number of bytes, as the CFRG's AEGIS draft (version 18) defines it.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="Begin"/>, then <see cref="Absorb"/> as often as there are parts, then <see cref="Finish"/>. Each part is padded with zeros to 32
/// bytes; a caller with several parts must say their lengths in them. It is a value: a copy made after some parts goes on from there, so what all messages
/// begin with is absorbed once. <b>Cost</b>: eight AES rounds for 32 bytes; no allocation.
/// <para>
/// A message authentication code rather than a fast hash such as XXH3, because whoever sends requests chooses the bytes: without the key nobody can make two
/// messages with one digest, which no hash of that kind promises even with a secret seed. With AES in the processor it is no slower.
/// </para>
/// </remarks>
internal struct AegisMac
{
    public const int KeyBytes = 16;

    /// <summary>Bytes absorbed at once.</summary>
    public const int Rate = 32;

    private const int MixRounds = 10;
    private const int FinalRounds = 7;
    private const ulong TagBits = 256;

    private Vector128<byte> _s0;
    private Vector128<byte> _s1;
    private Vector128<byte> _s2;
    private Vector128<byte> _s3;
    private Vector128<byte> _s4;
    private Vector128<byte> _s5;
    private Vector128<byte> _s6;
    private Vector128<byte> _s7;
    private ulong _bytes;

    // The draft's constants: Fibonacci numbers modulo 256.
    private static Vector128<byte> C0 => Vector128.Create((byte)0x00, 0x01, 0x01, 0x02, 0x03, 0x05, 0x08, 0x0d, 0x15, 0x22, 0x37, 0x59, 0x90, 0xe9, 0x79, 0x62);

    private static Vector128<byte> C1 => Vector128.Create((byte)0xdb, 0x3d, 0x18, 0x55, 0x6d, 0xc2, 0x2f, 0xf1, 0x20, 0x11, 0x31, 0x42, 0x73, 0xb5, 0x28, 0xdd);

    /// <param name="key">16 bytes.</param>
    /// <param name="nonce">16 bytes; may be the same for all messages, as long as no digest is shown to anyone.</param>
    public static AegisMac Begin(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce)
    {
        Vector128<byte> k = Vector128.Create(key);
        Vector128<byte> n = Vector128.Create(nonce);
        AegisMac mac = new()
        {
            _s0 = k ^ n,
            _s1 = C1,
            _s2 = C0,
            _s3 = C1,
            _s4 = k ^ n,
            _s5 = k ^ C0,
            _s6 = k ^ C1,
            _s7 = k ^ C0,
        };
        for (int i = 0; i < MixRounds; i++) mac.Update(n, k);
        return mac;
    }

    /// <summary>Takes a part in, padded with zeros to a multiple of <see cref="Rate"/>.</summary>
    public void Absorb(ReadOnlySpan<byte> part)
    {
        _bytes += (ulong)part.Length;
        int whole = part.Length & -Rate;
        if (whole > 0) AbsorbWhole(ref MemoryMarshal.GetReference(part), whole);
        if (whole == part.Length) return;
        Span<byte> padded = stackalloc byte[Rate];
        padded.Clear();
        part[whole..].CopyTo(padded);
        AbsorbWhole(ref MemoryMarshal.GetReference(padded), Rate);
    }

    /// <returns>The two halves of the digest.</returns>
    public (UInt128 First, UInt128 Second) Finish()
    {
        Vector128<byte> s0 = _s0, s1 = _s1, s2 = _s2, s3 = _s3, s4 = _s4, s5 = _s5, s6 = _s6, s7 = _s7;
        Vector128<byte> t = s2 ^ Vector128.Create(8 * _bytes, TagBits).AsByte();
        for (int i = 0; i < FinalRounds; i++)
        {
            Vector128<byte> last = s7;
            s7 = AesRound.Of(s6, s7);
            s6 = AesRound.Of(s5, s6);
            s5 = AesRound.Of(s4, s5);
            s4 = AesRound.Of(s3, s4 ^ t);
            s3 = AesRound.Of(s2, s3);
            s2 = AesRound.Of(s1, s2);
            s1 = AesRound.Of(s0, s1);
            s0 = AesRound.Of(last, s0 ^ t);
        }

        return (Number(s0 ^ s1 ^ s2 ^ s3), Number(s4 ^ s5 ^ s6 ^ s7));
    }

    private static UInt128 Number(Vector128<byte> bytes) => new(bytes.AsUInt64()[1], bytes.AsUInt64()[0]);

    private void AbsorbWhole(ref byte data, int length)
    {
        // In registers: eight for the state and two for the data are what there is on x64 without spilling.
        Vector128<byte> s0 = _s0, s1 = _s1, s2 = _s2, s3 = _s3, s4 = _s4, s5 = _s5, s6 = _s6, s7 = _s7;
        for (nuint at = 0; at < (nuint)length; at += Rate)
        {
            Vector128<byte> m0 = Vector128.LoadUnsafe(ref data, at);
            Vector128<byte> m1 = Vector128.LoadUnsafe(ref data, at + 16);
            Vector128<byte> last = s7;
            s7 = AesRound.Of(s6, s7);
            s6 = AesRound.Of(s5, s6);
            s5 = AesRound.Of(s4, s5);
            s4 = AesRound.Of(s3, s4 ^ m1);
            s3 = AesRound.Of(s2, s3);
            s2 = AesRound.Of(s1, s2);
            s1 = AesRound.Of(s0, s1);
            s0 = AesRound.Of(last, s0 ^ m0);
        }

        (_s0, _s1, _s2, _s3, _s4, _s5, _s6, _s7) = (s0, s1, s2, s3, s4, s5, s6, s7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Update(Vector128<byte> m0, Vector128<byte> m1)
    {
        Vector128<byte> last = _s7;
        _s7 = AesRound.Of(_s6, _s7);
        _s6 = AesRound.Of(_s5, _s6);
        _s5 = AesRound.Of(_s4, _s5);
        _s4 = AesRound.Of(_s3, _s4 ^ m1);
        _s3 = AesRound.Of(_s2, _s3);
        _s2 = AesRound.Of(_s1, _s2);
        _s1 = AesRound.Of(_s0, _s1);
        _s0 = AesRound.Of(last, _s0 ^ m0);
    }
}
