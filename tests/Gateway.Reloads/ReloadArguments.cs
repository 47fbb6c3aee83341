using System.Globalization;

namespace Gateway.Reloads;

/// <summary>What the command line asks for.</summary>
/// <param name="Reloads">How often the model is loaded again, above 0.</param>
/// <param name="Side">Rows and columns of its matrix: the file has four times its square in bytes.</param>
/// <param name="Clients">Calls that are under way at any time, by turns over frames, HTTP, gRPC call by call, and a gRPC stream; 0 for reloads alone.</param>
/// <param name="QuietSeconds">How long to call before the first reload, for a p99 to compare with.</param>
/// <param name="PauseMs">Milliseconds from the end of a reload to the next; 0 for reloads without a pause, which take a core for themselves.</param>
internal sealed record ReloadArguments(int Reloads, int Side, int Clients, int QuietSeconds, int PauseMs)
{
    public const string Usage = "usage: Gateway.Reloads [--reloads N (1000)] [--side N (512)] [--clients N (8)] [--quiet-seconds N (10)] [--pause-ms N (250)]";

    /// <exception cref="FormatException">An argument is unknown or not a number; the message names it.</exception>
    public static ReloadArguments Parse(IReadOnlyList<string> arguments)
    {
        ReloadArguments parsed = new(1000, 512, 8, 10, 250);
        for (int i = 0; i < arguments.Count; i += 2)
        {
            if (i + 1 == arguments.Count || !int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int value)) throw new FormatException($"{arguments[i]} takes a whole number; {Usage}");
            parsed = arguments[i] switch
            {
                "--reloads" when value > 0 => parsed with { Reloads = value },
                "--side" when value is > 0 and <= 8192 => parsed with { Side = value },
                "--clients" => parsed with { Clients = value },
                "--quiet-seconds" => parsed with { QuietSeconds = value },
                "--pause-ms" => parsed with { PauseMs = value },
                _ => throw new FormatException($"'{arguments[i]} {value}' is not known; {Usage}"),
            };
        }

        return parsed;
    }
}
