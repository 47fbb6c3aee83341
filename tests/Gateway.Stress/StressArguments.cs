using System.Globalization;

namespace Gateway.Stress;

/// <summary>What the command line asks for.</summary>
/// <param name="Seconds">How long to run, above 0.</param>
/// <param name="Seed">Draws the models and the requests.</param>
internal sealed record StressArguments(int Seconds, int Seed)
{
    public const string Usage = "usage: Gateway.Stress [--seconds N (default 30)] [--seed N (default: drawn and printed)]";

    /// <exception cref="FormatException">An argument is unknown or not a number; the message names it.</exception>
    public static StressArguments Parse(IReadOnlyList<string> arguments)
    {
        StressArguments parsed = new(30, Random.Shared.Next());
        for (int i = 0; i < arguments.Count; i += 2)
        {
            string name = arguments[i];
            if (name is not ("--seconds" or "--seed")) throw new FormatException($"'{name}' is not known; {Usage}");
            if (i + 1 == arguments.Count || !int.TryParse(arguments[i + 1], CultureInfo.InvariantCulture, out int value) || value < (name == "--seconds" ? 1 : 0))
            {
                throw new FormatException($"{name} takes a whole number; {Usage}");
            }

            parsed = name == "--seconds" ? parsed with { Seconds = value } : parsed with { Seed = value };
        }

        return parsed;
    }
}
