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
        mac.Repeat(n, k, MixRounds);
        return mac;
    }

    /// <summary>Takes a part in, padded with zeros to a multiple of <see cref="Rate"/>.</summary>
    public void Absorb(ReadOnlySpan<byte> part)
    {
        _bytes += (ulong)part.Length;
        int whole = part.Length & -Rate;
        if (whole > 0) Run(ref MemoryMarshal.GetReference(part), whole / Rate, Rate);
        if (whole == part.Length) return;
        Span<byte> padded = stackalloc byte[Rate];
        padded.Clear();
        part[whole..].CopyTo(padded);
        Run(ref MemoryMarshal.GetReference(padded), rounds: 1, Rate);
    }

    /// <returns>The two halves of the digest.</returns>
    public (UInt128 First, UInt128 Second) Finish()
    {
        Vector128<byte> t = _s2 ^ Vector128.Create(8 * _bytes, TagBits).AsByte();
        Repeat(t, t, FinalRounds);
        return (Number(_s0 ^ _s1 ^ _s2 ^ _s3), Number(_s4 ^ _s5 ^ _s6 ^ _s7));
    }

    private static UInt128 Number(Vector128<byte> bytes) => new(bytes.AsUInt64()[1], bytes.AsUInt64()[0]);

    /// <summary>Takes the same 32 bytes in again and again.</summary>
    private void Repeat(Vector128<byte> m0, Vector128<byte> m1, int rounds)
    {
        Span<byte> data = stackalloc byte[Rate];
        m0.CopyTo(data);
        m1.CopyTo(data[(Rate / 2)..]);
        Run(ref MemoryMarshal.GetReference(data), rounds, step: 0);
    }

    /// <param name="step">Bytes from what one round takes in to what the next does.</param>
    private void Run(ref byte data, int rounds, int step)
    {
        // In registers: eight for the state and two for the data are what there is on x64 without spilling.
        Vector128<byte> s0 = _s0, s1 = _s1, s2 = _s2, s3 = _s3, s4 = _s4, s5 = _s5, s6 = _s6, s7 = _s7;
        nuint at = 0;
        for (int i = 0; i < rounds; i++, at += (nuint)step)
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
}
