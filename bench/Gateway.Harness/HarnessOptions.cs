using System.Globalization;
using Gateway.Harness.Models;
using Gateway.Harness.Scenarios;

namespace Gateway.Harness;

/// <summary>The command line.</summary>
/// <param name="Scenarios">Names of what to measure, in order.</param>
/// <param name="Effort">How.</param>
/// <param name="ResultsFolder">Where results are recorded; null for nowhere.</param>
internal sealed record HarnessOptions(IReadOnlyList<string> Scenarios, Effort Effort, string? ResultsFolder)
{
    public const string Usage =
        """
        usage: dotnet run -c Release --project bench/Gateway.Harness -- SCENARIO... [options]
               dotnet run -c Release --project bench/Gateway.Harness -- page [FOLDER]        draws what is recorded, as FOLDER/index.html
          --rounds N         times that each side is measured, in turn (default 5)
          --seconds S        length of each measurement (default 4)
          --warm-up S        load on each server before the first (default 4)
          --gateway FILE     the gateway's executable (default: the Release build; for startup, artifacts/publish/gateway when it is there)
          --models A,B       the only models that gpu-… scenarios measure (default all)
          --out FOLDER       where results are recorded (default bench/results)
          --quick            one round of half a second, nothing recorded: shows that it works, measures nothing
        scenarios (all: every one):
        """;

    private static readonly Effort Quick = new(1, 0.5, 0.3, null);

    /// <exception cref="ArgumentException">The command line is wrong; the message says what.</exception>
    public static HarnessOptions Parse(IReadOnlyList<string> arguments)
    {
        List<string> scenarios = [];
        Effort effort = arguments.Contains("--quick") ? Quick : new Effort(5, 4, 4, null);
        string? folder = arguments.Contains("--quick") ? null : Path.Combine(RepositoryRoot.Path, "bench", "results");
        for (int i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    break;
                case "--rounds":
                    effort = effort with { Rounds = (int)Number(arguments, ref i) };
                    break;
                case "--seconds":
                    effort = effort with { Seconds = Number(arguments, ref i) };
                    break;
                case "--warm-up":
                    effort = effort with { WarmUpSeconds = Number(arguments, ref i) };
                    break;
                case "--gateway":
                    effort = effort with { Gateway = Path.GetFullPath(Value(arguments, ref i)) };
                    break;
                case "--models":
                    effort = effort with { Models = Value(arguments, ref i).Split(',') };
                    break;
                case "--out":
                    folder = Path.GetFullPath(Value(arguments, ref i));
                    break;
                case ['-', ..]:
                    throw new ArgumentException($"unknown option {arguments[i]}");
                default:
                    scenarios.Add(arguments[i]);
                    break;
            }
        }

        return new HarnessOptions(scenarios, effort, folder);
    }

    private static string Value(IReadOnlyList<string> arguments, ref int index) =>
        ++index < arguments.Count ? arguments[index] : throw new ArgumentException($"{arguments[index - 1]} needs a value");

    private static double Number(IReadOnlyList<string> arguments, ref int index)
    {
        string option = arguments[index];
        string value = Value(arguments, ref index);
        return double.TryParse(value, CultureInfo.InvariantCulture, out double number) && number >= 0.1 ? number : throw new ArgumentException($"{option}: '{value}' is not a number of at least 0.1");
    }
}
