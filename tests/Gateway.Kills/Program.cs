using System.Globalization;
using System.Reflection;
using Gateway.TestSupport.Kills;

// Kills the real program under load, again and again, on one cache folder, and says whether it always started and never answered wrongly.
// Exit codes: 0 pass, 1 violation, 2 inconclusive (nothing of an earlier life was ever found, or the arguments are wrong).
if (args.Length > 2 || !TryNumber(0, 50, out int kills) || !TryNumber(1, Random.Shared.Next(), out int seed))
{
    Console.Error.WriteLine("usage: Gateway.Kills [KILLS (50)] [SEED]");
    return 2;
}

Console.WriteLine($"seed {seed}, {kills} kills, {Environment.ProcessorCount} cores");
string program = Assembly.GetExecutingAssembly().GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!;
KillTally tally = await KillRun.RunAsync(program, kills, seed, Console.WriteLine);
foreach (string violation in tally.Violations) Console.WriteLine($"violation: {violation}");
bool isInconclusive = tally.Inherited == 0;
Console.WriteLine(tally.Violations.Count > 0 ? "violation" : isInconclusive ? "inconclusive: nothing of an earlier life was found" : "pass");
return tally.Violations.Count > 0 ? 1 : isInconclusive ? 2 : 0;

bool TryNumber(int index, int otherwise, out int number)
{
    number = otherwise;
    return args.Length <= index || int.TryParse(args[index], NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
