using System.Text;

namespace Gateway.TestSupport.MessagePack;

/// <summary>Makes random values (see <see cref="MessageTree"/>), and damages messages.</summary>
/// <remarks>
/// Maps have distinct string keys that begin with a letter: a JavaScript object keeps the order of no others. Lengths and integers gather around the limits of the
/// encodings.
/// </remarks>
public sealed class RandomMessages(Random random)
{
    private static readonly int[] Limits = [0, 15, 16, 31, 32, 255, 256];

    private static readonly string[] Pieces = ["a", "z", "0", " ", "\"", "\0", "é", "ß", "€", "好", "\uffff", "😀"];

    /// <summary>Whether floats of 32 bits are among the values.</summary>
    public bool HasSingles { get; init; }

    /// <summary>Whether floats are that are whole numbers, which some languages do not tell from integers.</summary>
    public bool HasWholeFloats { get; init; }

    /// <summary>Whether extensions are, of types that are not negative: those are the specification's own, and Python's encoder takes none of them.</summary>
    public bool HasExtensions { get; init; }

    /// <param name="depth">Most containers around a value.</param>
    public object? Value(int depth = 4) => random.Next(depth > 0 ? 11 : 8) switch
    {
        0 => random.Next(3) switch { 0 => null, 1 => false, _ => true },
        1 or 2 => Integer(),
        3 or 4 => Float(),
        5 => Text(random.Next(200) == 0 ? 70_000 : Length()),
        6 => Bytes(random.Next(200) == 0 ? 70_000 : Length()),
        7 => HasExtensions ? new MessageExtension((sbyte)random.Next(0, 128), Bytes(random.Next(3) == 0 ? Length() : 1 << random.Next(5))) : null,
        8 => Enumerable.Range(0, Count()).Select(_ => Value(depth - 2)).ToArray(),
        9 => Enumerable.Range(0, random.Next(6)).Select(_ => Value(depth - 1)).ToArray(),
        _ => Enumerable.Range(0, random.Next(20) == 0 ? Count() : random.Next(6))
            .Select(i => KeyValuePair.Create((object?)$"k{Text(random.Next(12))}{i}", Value(depth - 2))).ToList(),
    };

    /// <summary>Changes, removes, doubles or inserts a few bytes.</summary>
    public byte[] Damage(byte[] message)
    {
        List<byte> bytes = [.. message];
        for (int changes = random.Next(1, 4); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);

            // Half of the noise is from the bytes that are not small integers or strings.
            byte noise = (byte)random.Next(random.Next(2) == 0 ? 0xc0 : 0, 256);
            switch (random.Next(5))
            {
                case 0: bytes[at] = noise; break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.Insert(at, noise); break;
                case 3: bytes.RemoveRange(at, bytes.Count - at); break;
                default: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 9), bytes.Count - at))); break;
            }
        }

        return [.. bytes];
    }

    private Int128 Integer()
    {
        // Near a power of two, where the encodings change, or anywhere in a random width.
        Int128 magnitude = random.Next(2) == 0 ? (Int128.One << random.Next(65)) + random.Next(-2, 3) : random.NextInt64() >> random.Next(64);
        return Int128.Clamp(random.Next(2) == 0 ? -magnitude : magnitude, long.MinValue, ulong.MaxValue);
    }

    private object Float()
    {
        while (true)
        {
            double number = random.Next(8) switch
            {
                0 => random.Next(3) switch { 0 => double.NaN, 1 => double.PositiveInfinity, _ => double.NegativeInfinity },
                1 when HasWholeFloats => random.Next(-2, 3) * 1.0,
                2 when HasWholeFloats => -0.0,
                3 or 4 => random.NextDouble(),
                _ => BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue)),
            };

            // Beyond 2^53 no language takes them for integers.
            if (!HasWholeFloats && double.IsInteger(number) && Math.Abs(number) < 1L << 53) continue;
            if (!HasSingles || random.Next(2) == 0) return number;
            float single = (float)number;
            if (HasWholeFloats || !float.IsInteger(single) || Math.Abs(single) >= 1L << 53) return single;
        }
    }

    /// <param name="bytes">Length as UTF-8, met exactly.</param>
    private string Text(int bytes)
    {
        StringBuilder text = new();
        while (bytes > 0)
        {
            string piece = Pieces[random.Next(Pieces.Length)];
            int size = Encoding.UTF8.GetByteCount(piece);
            if (size > bytes) continue;
            text.Append(piece);
            bytes -= size;
        }

        return text.ToString();
    }

    private byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private int Length() => random.Next(3) == 0 ? Limits[random.Next(Limits.Length)] : random.Next(24);

    private int Count() => random.Next(8) == 0 ? 300 : Limits[random.Next(4)];
}
