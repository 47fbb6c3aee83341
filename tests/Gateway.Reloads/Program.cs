using System.Globalization;
using System.Reflection;
using Gateway.Reloads;
using Gateway.TestSupport;

// Loads a model again and again in the real program while clients call it, and says what failed and what the memory did.
// Violations: a call that fails or is answered wrongly, a p99 above twice the quiet one, memory that grows.
// Exit codes: 0 pass, 1 violation, 2 the arguments are wrong.
ReloadArguments arguments;
try
{
    arguments = ReloadArguments.Parse(args);
}
catch (FormatException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}

const double MiB = 1 << 20;
const double MostSlowdown = 2;

// What allocators keep of a busy process; a model that is not given back is more after a few reloads.
const long AllowedGrowth = 16L << 20;
DirectoryInfo repository = Directory.CreateTempSubdirectory("gateway-reloads-");
try
{
    Write(0);
    using ServerProcess server = await ServerProcess.StartAsync(
        typeof(Callers).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!, repository.FullName, "m");
    using HttpClient control = new() { BaseAddress = new Uri(server.HttpAddress) };
    Callers callers = new(server, arguments.Side);
    List<TimeSpan> reloadTimes = [];
    List<long> resident = [];
    TimeSpan[] quiet;
    TimeSpan[] busy;
    await using (callers)
    {
        callers.Begin(arguments.Clients);
        await Task.Delay(TimeSpan.FromSeconds(arguments.QuietSeconds), TimeProvider.System);
        quiet = callers.TakeTimes();
        Console.WriteLine($"{Environment.ProcessorCount} cores, a file of {arguments.Side * arguments.Side * 4 / MiB:F1} MiB, {arguments.Clients} clients");
        Console.WriteLine("reloads,resident MiB");
        for (int i = 1; i <= arguments.Reloads && callers.Problems.Count == 0; i++)
        {
            Write(i);
            callers.BeginReload(i);
            long start = TimeProvider.System.GetTimestamp();
            using HttpResponseMessage answer = await control.PostAsync(new Uri("/v2/repository/models/m/load", UriKind.Relative), null);
            reloadTimes.Add(TimeProvider.System.GetElapsedTime(start));
            if (!answer.IsSuccessStatusCode)
            {
                Console.WriteLine($"violation: load {i} failed: {await answer.Content.ReadAsStringAsync()}");
                return 1;
            }

            callers.EndReload(i);
            if (arguments.PauseMs > 0) await Task.Delay(TimeSpan.FromMilliseconds(arguments.PauseMs), TimeProvider.System);
            resident.Add(server.ResidentBytes);
            if (i == 10 || i % Math.Max(1, arguments.Reloads / 20) == 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i},{server.ResidentBytes / MiB:F1}"));
        }

        busy = callers.TakeTimes();
    }

    Console.WriteLine($"reload: median {Percentile([.. reloadTimes.Order()], 0.5):F1} ms, p99 {Percentile([.. reloadTimes.Order()], 0.99):F1} ms");
    if (arguments.Clients > 0) Console.WriteLine($"calls: {quiet.Length} quiet, p50 {Percentile(quiet, 0.5):F2} ms, p99 {Percentile(quiet, 0.99):F2} ms; {busy.Length} during reloads, p50 {Percentile(busy, 0.5):F2} ms, p99 {Percentile(busy, 0.99):F2} ms");
    List<string> violations = [.. callers.Problems];
    if (arguments.Clients > 0 && Percentile(busy, 0.99) > MostSlowdown * Percentile(quiet, 0.99)) violations.Add($"the p99 during reloads is more than {MostSlowdown} times the quiet one");

    if (resident.Count == 0) resident.Add(server.ResidentBytes);

    // Medians of tenths: one look may fall between a load and the end of what it replaced.
    int tenth = Math.Max(1, resident.Count / 10);
    long grown = Median(resident[^tenth..]) - Median(resident[..Math.Min(resident.Count, 2 * tenth)][^tenth..]);
    long most = AllowedGrowth + (2L * arguments.Side * arguments.Side * sizeof(float));
    Console.WriteLine($"resident: grown by {grown / MiB:F1} MiB from the second tenth of the reloads to the last, {most / MiB:F1} MiB may be");
    if (grown > most) violations.Add("the memory grows");
    foreach (string violation in violations) Console.WriteLine($"violation: {violation}");
    Console.WriteLine(violations.Count > 0 ? "violation" : "pass");
    return violations.Count > 0 ? 1 : 0;
}
finally
{
    repository.Delete(recursive: true);
}

void Write(int number)
{
    string folder = Directory.CreateDirectory(Path.Combine(repository.FullName, "m", "1")).FullName;
    File.WriteAllText(Path.Combine(folder, "..", "config.pbtxt"), "max_batch_size: 16 dynamic_batching {}");

    // Written aside and moved: what is read is whole.
    File.WriteAllBytes(Path.Combine(folder, ".new"), OnnxFile.Constant(number, arguments.Side));
    File.Move(Path.Combine(folder, ".new"), Path.Combine(folder, "model.onnx"), overwrite: true);
}

static long Median(List<long> values) => values.Order().ElementAt(values.Count / 2);

static double Percentile(TimeSpan[] sorted, double fraction) => sorted.Length == 0 ? double.NaN : sorted[Math.Min(sorted.Length - 1, (int)(fraction * sorted.Length))].TotalMilliseconds;
