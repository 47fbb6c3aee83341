using System.Globalization;
using System.Text;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Makes random JSON, and damages it.</summary>
internal static class RandomJson
{
    private const string Noise = "{}[]\",:0123456789.eE+-\\ntruefalsul/ \t\n\u0001é";

    private static readonly string[] Escapes = ["\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0041", "\\u00e9", "\\u20AC", "\\ud83d\\ude00", "é", "😀", "x", "yz"];

    public static string Value(Random random, int depth) => random.Next(depth > 0 ? 7 : 5) switch
    {
        0 => "true",
        1 => random.Next(2) == 0 ? "false" : "null",
        2 => random.Next(-1000, 1000).ToString(CultureInfo.InvariantCulture),
        3 => random.NextDouble().ToString("R", CultureInfo.InvariantCulture) + (random.Next(2) == 0 ? "" : $"e{random.Next(-9, 9)}"),
        4 => String(random),
        5 => "[" + string.Join(Space(random) + ",", Enumerable.Range(0, random.Next(4)).Select(_ => Space(random) + Value(random, depth - 1))) + Space(random) + "]",
        _ => "{" + string.Join(",", Enumerable.Range(0, random.Next(4)).Select(_ => Space(random) + String(random) + Space(random) + ":" + Value(random, depth - 1))) + "}",
    };

    public static string String(Random random) => "\"" + string.Concat(Enumerable.Range(0, random.Next(8)).Select(_ => Escapes[random.Next(Escapes.Length)])) + "\"";

    /// <summary>Changes, removes, doubles or inserts a few bytes.</summary>
    public static byte[] Mutate(Random random, byte[] document)
    {
        List<byte> bytes = [.. document];
        for (int changes = random.Next(1, 4); changes > 0 && bytes.Count > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            byte[] noise = Encoding.UTF8.GetBytes(Noise[random.Next(Noise.Length)].ToString());
            switch (random.Next(5))
            {
                case 0: bytes[at] = noise[0]; break;
                case 1: bytes.RemoveAt(at); break;
                case 2: bytes.InsertRange(at, noise); break;
                case 3: bytes.RemoveRange(at, bytes.Count - at); break;
                default: bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 9), bytes.Count - at))); break;
            }
        }

        return [.. bytes];
    }

    private static string Space(Random random) => random.Next(4) == 0 ? " \n\t"[..random.Next(4)] : "";
}
