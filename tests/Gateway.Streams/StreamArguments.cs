using System.Globalization;

namespace Gateway.Streams;

/// <summary>What the command line asks for.</summary>
/// <param name="Streams">Calls at a time, above 0.</param>
/// <param name="Seconds">How long, above 0.</param>
/// <param name="Side">Elements of a row, above 0.</param>
/// <param name="Seed">Draws the calls.</param>
internal sealed record StreamArguments(int Streams, int Seconds, int Side, int Seed)
{
    public const string Usage = "usage: Gateway.Streams [--streams N (512)] [--seconds N (600)] [--side N (64)] [--seed N (drawn and printed)]";

    /// <exception cref="FormatException">An argument is unknown or not a number; the message names it.</exception>
    public static StreamArguments Parse(IReadOnlyList<string> arguments)
    {
        StreamArguments parsed = new(512, 600, 64, Random.Shared.Next());
        for (int i = 0; i < arguments.Count; i += 2)
        {
            if (i + 1 == arguments.Count || !int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value)) throw new FormatException($"{arguments[i]} takes a whole number; {Usage}");
            parsed = arguments[i] switch
            {
                "--streams" when value > 0 => parsed with { Streams = value },
                "--seconds" when value > 0 => parsed with { Seconds = value },
                "--side" when value is > 0 and <= 4096 => parsed with { Side = value },
                "--seed" => parsed with { Seed = value },
                _ => throw new FormatException($"'{arguments[i]} {value}' is not known; {Usage}"),
            };
        }

        return parsed;
    }
}
