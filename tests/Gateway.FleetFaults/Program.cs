using System.Globalization;
using System.Reflection;
using Gateway.FleetFaults;

// Five gateways, each the others' replica, under a load that one at a time cannot bear, while they are killed and started again, and paused and resumed, at random.
// Exit codes: 0 pass, 1 violation, 2 inconclusive (nothing was killed, paused, or answered elsewhere, or the arguments are wrong).
if (args.Length > 3 || !TryNumber(0, 60, out int seconds) || !TryNumber(1, Random.Shared.Next(), out int seed) || !TryNumber(2, 300, out int rate) || seconds < 1 || rate < 1)
{
    Console.Error.WriteLine("usage: Gateway.FleetFaults [SECONDS (60)] [SEED] [REQUESTS A SECOND (300)]");
    return 2;
}

Console.WriteLine($"seed {seed}, {seconds} s of faults, {rate} requests/s, {Environment.ProcessorCount} cores");
string program = Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!;
using FaultRun run = new(program, seed, rate);
FaultTally tally = await run.RunAsync(TimeSpan.FromSeconds(seconds), Console.WriteLine);
Console.WriteLine(tally);
foreach (string violation in tally.Violations) Console.WriteLine($"violation: {violation}");
Console.WriteLine(tally.Violations.Count > 0 ? "violation" : tally.IsConclusive ? "pass" : "inconclusive: nothing was killed, paused, or answered elsewhere");
return tally.Violations.Count > 0 ? 1 : tally.IsConclusive ? 0 : 2;

bool TryNumber(int index, int otherwise, out int number)
{
    number = otherwise;
    return args.Length <= index || int.TryParse(args[index], NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
