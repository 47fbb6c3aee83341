using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ArmAes = System.Runtime.Intrinsics.Arm.Aes;
using X86Aes = System.Runtime.Intrinsics.X86.Aes;

namespace Gateway.Core.Caching.Keys;

/// <summary>One round of AES: substitute bytes, shift rows, mix columns, add the round key.</summary>
/// <remarks><b>Cost</b>: one instruction on x64, three on Arm64; tables where the processor has neither, at about a fiftieth of the speed.</remarks>
internal static class AesRound
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Of(Vector128<byte> state, Vector128<byte> roundKey)
    {
        if (X86Aes.IsSupported) return X86Aes.Encrypt(state, roundKey);

        // Arm adds its round key first, so nothing is added there and ours at the end.
        if (ArmAes.IsSupported) return ArmAes.MixColumns(ArmAes.Encrypt(state, Vector128<byte>.Zero)) ^ roundKey;
        return Software(state, roundKey);
    }

    /// <summary>The same without the processor's help.</summary>
    public static Vector128<byte> Software(Vector128<byte> state, Vector128<byte> roundKey)
    {
        ReadOnlySpan<byte> box = Tables.Substitution;
        Span<byte> mixed = stackalloc byte[16];
        for (int column = 0; column < 4; column++)
        {
            // Row r comes from the column r further on.
            byte a = box[state[4 * column]];
            byte b = box[state[((4 * column) + 5) & 15]];
            byte c = box[state[((4 * column) + 10) & 15]];
            byte d = box[state[((4 * column) + 15) & 15]];
            byte all = (byte)(a ^ b ^ c ^ d);
            mixed[4 * column] = (byte)(a ^ all ^ Double((byte)(a ^ b)));
            mixed[(4 * column) + 1] = (byte)(b ^ all ^ Double((byte)(b ^ c)));
            mixed[(4 * column) + 2] = (byte)(c ^ all ^ Double((byte)(c ^ d)));
            mixed[(4 * column) + 3] = (byte)(d ^ all ^ Double((byte)(d ^ a)));
        }

        return Vector128.Create<byte>(mixed) ^ roundKey;
    }

    /// <summary>Times x in AES's field, GF(2^8) with x^8 + x^4 + x^3 + x + 1.</summary>
    private static byte Double(byte value) => (byte)((value << 1) ^ ((value >> 7) * 0x1B));

    private static class Tables
    {
        /// <summary>AES's substitution, made from its definition: the inverse in the field, then an affine map.</summary>
        public static readonly byte[] Substitution = Make();

        private static byte[] Make()
        {
            byte[] box = new byte[256];
            box[0] = 0x63;
            byte power = 1;
            byte inverse = 1;
            do
            {
                // power runs through all that is not 0 as powers of 3, and inverse through their inverses, as powers of 1/3.
                power ^= Double(power);
                inverse = (byte)(inverse ^ (inverse << 1));
                inverse = (byte)(inverse ^ (inverse << 2));
                inverse = (byte)(inverse ^ (inverse << 4));
                if ((inverse & 0x80) != 0) inverse ^= 0x09;
                int affine = inverse ^ Rotate(inverse, 1) ^ Rotate(inverse, 2) ^ Rotate(inverse, 3) ^ Rotate(inverse, 4);
                box[power] = (byte)(affine ^ 0x63);
            }
            while (power != 1);
            return box;
        }

        private static int Rotate(byte value, int by) => (byte)((value << by) | (value >> (8 - by)));
    }
}
