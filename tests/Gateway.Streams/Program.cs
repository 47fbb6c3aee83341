using System.Globalization;
using System.Reflection;
using Gateway.Streams;
using Gateway.TestSupport;
using Gateway.TestSupport.Grpc;

// Opens and ends gRPC streams at random against the real program, and says what was wrong and what the memory did.
// Violations: an answer that is wrong or out of order, a status that is not to be, requests or connections that are not accounted for, memory that grows.
// Exit codes: 0 pass, 1 violation, 2 inconclusive (the broken control was not detected, or the arguments are wrong).
const int Pass = 0;
const int Violation = 1;
const int Inconclusive = 2;
const int Samples = 10;
const double MiB = 1 << 20;

// What allocators keep of a busy process. A stream that is not given back keeps some kilobytes, and there are many thousands of them.
const long AllowedGrowth = 16L << 20;

// Between two collections of all generations the heap of a busy server grows by a hundred megabytes: only the lows tell, and each part is to have one.
const int LeastSecondsToTell = 300;
TimeSpan betweenLooks = TimeSpan.FromMilliseconds(500);

StreamArguments arguments;
try
{
    arguments = StreamArguments.Parse(args);
}
catch (FormatException error)
{
    Console.Error.WriteLine(error.Message);
    return Inconclusive;
}

Console.WriteLine($"seed {arguments.Seed}, {arguments.Streams} streams, {arguments.Seconds} s, {Environment.ProcessorCount} cores");
DirectoryInfo repository = Directory.CreateTempSubdirectory("gateway-streams-");
try
{
    Write("echo", 0);
    Write("wrong", 1);
    string program = typeof(StreamArguments).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Program").Value!;
    using ServerProcess server = await ServerProcess.StartAsync(program, repository.FullName, "echo", "wrong");

    // A run that finds nothing says something only if it would have found something.
    StreamStress control = new(server.GrpcAddress, server.MetricsAddress, "wrong", arguments.Side, arguments.Seed);
    await control.RunAsync(Math.Min(arguments.Streams, 8), TimeSpan.FromSeconds(10));
    if (control.Tally.Violations.Count == 0)
    {
        Console.WriteLine($"inconclusive: a model that answers wrongly was not detected ({control.Tally})");
        return Inconclusive;
    }

    StreamStress stress = new(server.GrpcAddress, server.MetricsAddress, "echo", arguments.Side, arguments.Seed);
    List<long> resident = [];
    Console.WriteLine("seconds,calls,answers,least resident MiB");
    for (int i = 1; i <= Samples && stress.Tally.Violations.Count == 0 && !server.HasEnded; i++)
    {
        // Each part ends with all calls over, and the server accounting for them.
        Task part = stress.RunAsync(arguments.Streams, TimeSpan.FromSeconds(arguments.Seconds / (double)Samples));
        resident.Add(server.ResidentBytes);
        while (await Task.WhenAny(part, Task.Delay(betweenLooks, TimeProvider.System)) != part) resident[^1] = Math.Min(resident[^1], server.ResidentBytes);
        await part;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{i * arguments.Seconds / Samples},{stress.Tally.Streams},{stress.Tally.Answers},{resident[^1] / MiB:F1}"));
    }

    // The first part warms up, and is in neither half.
    if (resident.Count == Samples)
    {
        long grown = Median(resident[(Samples / 2)..]) - Median(resident[1..(Samples / 2)]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"resident: grown by {grown / MiB:F1} MiB from the first half to the second, {AllowedGrowth / MiB:F1} MiB may be"));
        if (arguments.Seconds < LeastSecondsToTell) Console.WriteLine($"(runs of less than {LeastSecondsToTell} s cannot tell)");
        else if (grown > AllowedGrowth) stress.Tally.Violate("the memory grows");
    }

    if (stress.Tally.Violations.Count == 0 && stress.Tally.Expired == 0 && arguments.Seconds >= Samples) stress.Tally.Violate("no stream's time was ever over");
    Console.WriteLine(stress.Tally);
    foreach (string violation in stress.Tally.Violations) Console.WriteLine($"violation: {violation}");
    bool isPass = stress.Tally.Violations.Count == 0 && stress.Tally.Answers > 0 && !server.HasEnded;
    Console.WriteLine(isPass ? "pass" : "violation");
    return isPass ? Pass : Violation;
}
finally
{
    repository.Delete(recursive: true);
}

void Write(string model, float constant)
{
    string folder = Directory.CreateDirectory(Path.Combine(repository.FullName, model, "1")).FullName;
    File.WriteAllText(Path.Combine(folder, "..", "config.pbtxt"), "max_batch_size: 64 dynamic_batching {}");
    File.WriteAllBytes(Path.Combine(folder, "model.onnx"), OnnxFile.Linear(1, constant, arguments.Side));
}

static long Median(List<long> values) => values.Order().ElementAt(values.Count / 2);
