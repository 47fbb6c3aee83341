using Gateway.Stress;
using Gateway.TestSupport;

// Exit codes: 0 pass, 1 violation, 2 inconclusive (the broken control was not detected, or the arguments are wrong).
const int Pass = 0;
const int Violation = 1;
const int Inconclusive = 2;

StressArguments arguments;
try
{
    arguments = StressArguments.Parse(args);
}
catch (FormatException error)
{
    Console.Error.WriteLine(error.Message);
    return Inconclusive;
}

Console.WriteLine($"seed {arguments.Seed}, {arguments.Seconds} s, {Environment.ProcessorCount} cores");

// A run that finds nothing says something only if it would have found something.
StressTally control = await StressRun.RunAsync(arguments.Seed, TimeSpan.FromSeconds(10), mixesRowsUp: true);
if (control.Violations.Count == 0)
{
    Console.WriteLine($"inconclusive: a model that mixes rows up was not detected ({control})");
    return Inconclusive;
}

Console.WriteLine($"control detected after {control.Requests} requests: {control.Violations[0]}");
long began = TimeProvider.System.GetTimestamp();
StressTally tally = await StressRun.RunAsync(arguments.Seed, TimeSpan.FromSeconds(arguments.Seconds));
Console.WriteLine($"{TimeProvider.System.GetElapsedTime(began).TotalSeconds:F1} s: {tally}");
foreach (string violation in tally.Violations) Console.WriteLine($"violation: {violation}");
Console.WriteLine(tally.Violations.Count > 0 ? "violation" : "pass");
return tally.Violations.Count > 0 ? Violation : Pass;
