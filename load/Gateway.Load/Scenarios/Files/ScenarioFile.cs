using System.Text.Json;
using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;

namespace Gateway.Load.Scenarios.Files;

/// <summary>Reads a file of scenarios; load/README.md describes it.</summary>
internal static class ScenarioFile
{
    private const int MostConnections = 10_000;
    private const int MostThreads = 256;
    private const double DayMilliseconds = 24 * 3600 * 1000;

    /// <exception cref="LoadException">It cannot be read, or something in it is wrong; the message has a line for each mistake.</exception>
    public static LoadPlan Read(string path)
    {
        try
        {
            return Parse(File.ReadAllBytes(path), path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadException(ExitCode.BadSettings, $"scenario file {path}: {exception.Message}");
        }
    }

    /// <param name="file">Name for messages; traces and payloads are found beside it.</param>
    public static LoadPlan Parse(byte[] utf8, string file)
    {
        List<string> problems = [];
        LocatedJson root;
        try
        {
            root = LocatedJson.Parse(utf8);
        }
        catch (JsonException exception)
        {
            string text = exception.Message.Split(" LineNumber:")[0].TrimEnd();
            throw new LoadException(ExitCode.BadSettings, $"{file}:{exception.LineNumber + 1}: {text}");
        }

        FileValues values = new(root, file, problems, "target", "metrics", "scenarios", "thresholds", "warmUp", "seed", "payloadSeed");
        IReadOnlyList<Threshold> common = Thresholds(values);
        Uri? metrics = null;
        if (values.Has("metrics") && !(Uri.TryCreate(values.Text("metrics"), UriKind.Absolute, out metrics) && metrics.Scheme is "http" or "https")) values.Complain("metrics", "is no address of http:// or https://");
        List<ScenarioPlan> scenarios = [];
        foreach (LocatedJson each in values.List("scenarios"))
        {
            if (Scenario(each, values, file, problems, scenarios.Count, common) is { } scenario) scenarios.Add(scenario);
        }

        if (values.List("scenarios").Count == 0) values.Complain("scenarios", "must have one scenario at least");
        if (scenarios.DistinctBy(scenario => scenario.Name).Count() < scenarios.Count) values.Complain("scenarios", "two have the same name");
        return problems.Count == 0 ? new LoadPlan(scenarios, metrics, IsGuess: false) : throw new LoadException(ExitCode.BadSettings, string.Join('\n', problems));
    }

    private static ScenarioPlan? Scenario(LocatedJson value, FileValues file, string path, List<string> problems, int index, IReadOnlyList<Threshold> common)
    {
        int before = problems.Count;
        FileValues values = new(
            value, path, problems,
            "name", "target", "carrier", "model", "version", "steps", "loadSimulations", "warmUp", "timeoutMs", "requestTimeout", "connections", "window", "threads",
            "retries", "verify", "tolerance", "headers", "token", "insecure", "thresholds", "payloads", "seed", "payloadSeed", "method");
        TargetAddress? target = Target(values.Has("target") ? values : file);
        bool isModel = values.Has("model") || values.Has("steps");
        ICarrier? carrier = null;
        if (values.Has("carrier"))
        {
            carrier = CarrierNames.Find(values.Text("carrier"));
            if (carrier is null) values.Complain("carrier", $"is not known ({string.Join(", ", CarrierNames.All.Select(each => each.Name))})");
            else if (target is not null && target.Scheme != carrier.Scheme) values.Complain("carrier", $"goes to {carrier.Scheme}:// addresses, the target is {target.Scheme}://");
        }
        else if (target is not null)
        {
            carrier = CarrierNames.ForScheme(target.Scheme, isModel);
            if (carrier is null) values.Complain("target", $"nothing speaks {target.Scheme}://");
        }

        TraceShelf traces = new(path);
        IReadOnlyList<StepPlan> steps = StepReader.Read(values, path, traces, problems);
        IReadOnlyList<LoadSimulation> simulations = SimulationReader.Read(values, path, traces, problems);
        RetryRule retry = Retry(values, path, problems);
        double warmUp = values.Duration("warmUp", file.Duration("warmUp", 0));
        if (simulations.Count > 0 && warmUp >= simulations.Sum(simulation => simulation.Seconds)) values.Complain("warmUp", "is as long as all simulations together: nothing would be counted");
        double patience = values.Duration("requestTimeout", 30);
        if (patience <= 0) values.Complain("requestTimeout", "must be above 0");
        ScenarioPlan? plan = target is null || carrier is null ? null : new ScenarioPlan
        {
            Name = values.Text("name", $"scenario {index + 1}"),
            Target = target.Port == 0 ? target with { Port = carrier.PortFor(target.IsTls) } : target,
            Carrier = carrier,
            Steps = steps,
            Simulations = simulations,
            WarmUpSeconds = warmUp,
            TimeoutMilliseconds = values.Number("timeoutMs", 0, 0, DayMilliseconds),
            PatienceSeconds = patience,
            Connections = values.Whole("connections", 0, 1, MostConnections),
            Window = values.Whole("window", ScenarioPlan.DefaultWindow, 1, 32_768),
            Threads = values.Whole("threads", 1, 1, MostThreads),
            Retry = retry,
            Verify = values.Flag("verify"),
            Tolerance = values.Number("tolerance", ScenarioPlan.DefaultTolerance, 0, 1),
            Headers = Headers(values),
            IsInsecure = values.Flag("insecure"),
            Token = values.Has("token") ? values.Text("token") : null,
            Method = Method(values, carrier),
            // Scenarios that shared a seed would have their calls at the same instants, as one scenario in bursts.
            Seed = values.Whole("seed", Seed.Of(file.Whole("seed", 1, 0, int.MaxValue), index), 0, int.MaxValue),
            PayloadSeed = values.Whole("payloadSeed", file.Whole("payloadSeed", 1, 0, int.MaxValue), 0, int.MaxValue),
            Thresholds = [.. Thresholds(values), .. common],
        };
        return problems.Count == before ? plan : null;
    }

    private static string? Method(FileValues values, ICarrier carrier)
    {
        if (!values.Has("method")) return null;
        string method = values.Text("method");
        if (carrier.Name != "http") values.Complain("method", $"means nothing to {carrier.Name}");
        else if (!ScenarioPlan.Methods.Contains(method)) values.Complain("method", $"must be one of {string.Join(", ", ScenarioPlan.Methods)}");
        return method;
    }

    private static TargetAddress? Target(FileValues values)
    {
        if (!values.Has("target"))
        {
            values.Complain("target", "is missing (such as \"http://localhost:8000\")");
            return null;
        }

        if (TargetAddress.TryParse(values.Text("target"), out TargetAddress? target, out string problem)) return target;
        values.Complain("target", problem);
        return null;
    }

    private static IReadOnlyList<string> Headers(FileValues values)
    {
        IReadOnlyList<string> headers = values.Texts("headers");
        if (headers.Any(header => header.IndexOf(':') <= 0 || header.AsSpan().ContainsAny('\r', '\n'))) values.Complain("headers", "are lines of the form \"name: value\"");
        return headers;
    }

    private static RetryRule Retry(FileValues scenario, string path, List<string> problems)
    {
        if (scenario.Get("retries") is not { } value) return RetryRule.None;
        FileValues values = new(value, path, problems, "attempts", "budget");
        return new RetryRule(values.Whole("attempts", 1, 1, 100), values.Number("budget", 0.1, 0, 1));
    }

    private static List<Threshold> Thresholds(FileValues values)
    {
        List<Threshold> thresholds = [];
        foreach (LocatedJson each in values.List("thresholds"))
        {
            if (Threshold.TryParse(each.Text, out Threshold? threshold, out string problem)) thresholds.Add(threshold);
            else values.Complain(each, problem);
        }

        return thresholds;
    }
}
