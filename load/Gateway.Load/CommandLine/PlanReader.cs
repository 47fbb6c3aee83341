using System.CommandLine;
using System.Globalization;
using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;

namespace Gateway.Load.CommandLine;

/// <summary>Makes a plan of a command line; every mistake is a line of its own.</summary>
internal sealed class PlanReader(ParseResult parsed)
{
    private const int MetricsPort = 8002;
    private const double DefaultSeconds = 30;
    private const int MostThreads = 256;
    private const int MostDistinct = 10_000_000;
    private const double DayMilliseconds = 24 * 3600 * 1000;

    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    private readonly List<string> _problems = [];
    private Trace? _trace;

    public void Complain(string problem) => _problems.Add(problem);

    /// <exception cref="LoadException">Something was wrong.</exception>
    public void ThrowIfWrong()
    {
        if (_problems.Count > 0) throw new LoadException(ExitCode.BadSettings, string.Join('\n', _problems));
    }

    public double Seconds(Option<string> option, double otherwise, bool mayBeZero = false)
    {
        if (parsed.GetValue(option) is not { } text) return otherwise;
        if (Durations.TryParse(text, out double seconds) && (seconds > 0 || mayBeZero)) return seconds;
        Complain($"{option.Name}: '{text}' is no duration (such as 30s, 500ms, 2m)");
        return otherwise;
    }

    /// <summary>A share below 1, as <c>0.3</c> or <c>30%</c>.</summary>
    public double Share(Option<string> option, double otherwise)
    {
        if (parsed.GetValue(option) is not { } text) return otherwise;
        (string number, double unit) = text.EndsWith('%') ? (text[..^1], 0.01) : (text, 1);
        if (double.TryParse(number.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double share) && share * unit < 1) return share * unit;
        Complain($"{option.Name}: '{text}' is no share below 1 (such as 30% or 0.3)");
        return otherwise;
    }

    /// <summary>Where metrics are: as given, else a guess.</summary>
    public Uri? Metrics(TargetAddress? target)
    {
        string? given = parsed.GetValue(LoadOptions.Metrics);
        if (given is null) return target is null ? null : new UriBuilder("http", target.Host, MetricsPort, "metrics").Uri;
        if (given == "none") return null;
        if (Uri.TryCreate(given, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https") return url;
        Complain($"--metrics: '{given}' is no address");
        return null;
    }

    /// <summary>When the load is to begin; null for as soon as it can.</summary>
    public DateTimeOffset? StartAt(DateTimeOffset now)
    {
        if (parsed.GetValue(LoadOptions.StartAt) is not { } text) return null;

        // ISO 8601; without an offset it is UTC, whatever this machine's clock shows.
        if (text.Contains('T') && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset at) && at > now && at < now + LongestWait) return at;
        Complain($"--start-at: '{text}' is no time to come within a day (such as {now.AddMinutes(1):yyyy-MM-dd'T'HH:mm:ss'Z'})");
        return null;
    }

    public IReadOnlyList<Threshold> Thresholds()
    {
        List<Threshold> thresholds = [];
        foreach (string text in parsed.GetValue(LoadOptions.Threshold) ?? [])
        {
            if (Threshold.TryParse(text, out Threshold? threshold, out string problem)) thresholds.Add(threshold);
            else Complain(problem);
        }

        return thresholds;
    }

    /// <summary>The load of the run's own options.</summary>
    public IReadOnlyList<LoadSimulation> Simulations(out double warmUp)
    {
        double rate = parsed.GetValue(LoadOptions.Rate);
        int concurrency = parsed.GetValue(LoadOptions.Concurrency);
        string? replay = parsed.GetValue(LoadOptions.Replay);
        if ((rate > 0 ? 1 : 0) + (concurrency > 0 ? 1 : 0) + (replay is null ? 0 : 1) != 1) Complain("say how much load: --rate, or --concurrency, or --replay");
        if (rate < 0 || rate > 10_000_000 || !double.IsFinite(rate)) Complain("--rate: must be from above 0 to 10,000,000");
        if (concurrency is < 0 or > 60_000) Complain("--concurrency: must be from 1 to 60,000");
        double duration = Seconds(LoadOptions.Duration, DefaultSeconds);
        warmUp = Seconds(LoadOptions.WarmUp, ScenarioPlan.DefaultWarmUpSeconds, mayBeZero: true);
        if (replay is not null)
        {
            warmUp = parsed.GetValue(LoadOptions.WarmUp) is null ? 0 : warmUp;
            Trace trace = _trace ??= Trace.Read(replay);
            LoadSimulation recorded = new(SimulationKind.Replay, trace.Times[^1] + 1e-3) { Times = trace.Times };
            if (warmUp >= recorded.Seconds) Complain("--warm-up: is as long as the whole trace: nothing would be counted");
            return [recorded];
        }

        ArrivalKind arrivals = Arrivals(out int burst);
        return concurrency > 0
            ? [new LoadSimulation(SimulationKind.KeepConstant, warmUp + duration) { Copies = concurrency }]
            : [new LoadSimulation(SimulationKind.Inject, warmUp + duration) { Rate = rate, Arrivals = arrivals, Burst = burst }];
    }

    /// <summary>The scenario without its load; null when something is wrong with it.</summary>
    /// <param name="carrierName">Null for what the address means.</param>
    public ScenarioPlan? Scenario(string? carrierName, IReadOnlyList<LoadSimulation> simulations, double warmUp, string? target = null)
    {
        string? address = target ?? parsed.GetValue(LoadOptions.Target);
        string model = parsed.GetValue(LoadOptions.Model) ?? "";
        if (address is null)
        {
            Complain("the target is missing (such as http://localhost:8000)");
            return null;
        }

        if (!TargetAddress.TryParse(address, out TargetAddress? place, out string problem))
        {
            Complain(problem);
            return null;
        }

        ICarrier? carrier = carrierName is null ? CarrierNames.ForScheme(place.Scheme, model.Length > 0) : CarrierNames.Find(carrierName);
        if (carrier is null)
        {
            Complain(carrierName is null ? $"{address}: nothing speaks {place.Scheme}://" : $"--carrier: '{carrierName}' is not known ({string.Join(", ", CarrierNames.All.Select(each => each.Name))})");
            return null;
        }

        if (carrier.Scheme != place.Scheme)
        {
            Complain($"--carrier {carrier.Name} goes to {carrier.Scheme}:// addresses, not to {address}");
            return null;
        }

        if (parsed.GetValue(LoadOptions.Method) is { } method && (carrier.Name != "http" || !ScenarioPlan.Methods.Contains(method))) Complain(carrier.Name == "http" ? $"--method: must be one of {string.Join(", ", ScenarioPlan.Methods)}" : $"--method means nothing to {carrier.Name}");
        if (model.Length == 0 && carrier.Scheme != "http") Complain("--model is missing");
        if (model.Length > 0 && carrier.Name == "http") Complain("--carrier http knows no models");
        foreach ((Option<int> option, int least) in new[] { (LoadOptions.Rows, 1), (LoadOptions.Distinct, 1), (LoadOptions.Connections, 0), (LoadOptions.Window, 1), (LoadOptions.Threads, 1), (LoadOptions.Seed, 0), (LoadOptions.PayloadSeed, 0), (LoadOptions.Retries, 0) })
        {
            if (parsed.GetValue(option) < least) Complain($"{option.Name}: must be at least {least}");
        }

        if (parsed.GetValue(LoadOptions.Threads) > MostThreads) Complain($"--threads: must be at most {MostThreads}");
        if (parsed.GetValue(LoadOptions.Distinct) > MostDistinct) Complain("--distinct: must be at most 10,000,000");
        if (parsed.GetValue(LoadOptions.Zipf) is not (>= 0 and <= 10)) Complain("--zipf: must be from 0 to 10");
        if (parsed.GetValue(LoadOptions.RetryBudget) is not (>= 0 and <= 1)) Complain("--retry-budget: must be a share from 0 to 1");
        if (parsed.GetValue(LoadOptions.Retries) > 100) Complain("--retries: must be at most 100");
        if (parsed.GetValue(LoadOptions.Tolerance) is not (>= 0 and <= 1)) Complain("--tolerance: must be from 0 to 1");
        if (parsed.GetValue(LoadOptions.Window) > 32_768) Complain("--window: must be at most 32,768");
        if (parsed.GetValue(LoadOptions.Connections) > 10_000) Complain("--connections: must be at most 10,000");
        if (parsed.GetValue(LoadOptions.TimeoutMs) is not (>= 0 and <= DayMilliseconds) || (parsed.GetResult(LoadOptions.TimeoutMs) is { Implicit: false } && parsed.GetValue(LoadOptions.TimeoutMs) == 0)) Complain("--timeout-ms: must be above 0, and at most a day");
        return new ScenarioPlan
        {
            Name = model.Length > 0 ? model : QueryText.WithoutValues(place.Path),
            Target = place.Port == 0 ? place with { Port = carrier.PortFor(place.IsTls) } : place,
            Carrier = carrier,
            Steps = [new StepPlan(model.Length > 0 ? model : "request", model, parsed.GetValue(LoadOptions.Version) ?? "", Recipe())],
            Simulations = simulations,
            WarmUpSeconds = warmUp,
            TimeoutMilliseconds = parsed.GetValue(LoadOptions.TimeoutMs),
            PatienceSeconds = Seconds(LoadOptions.Patience, 30),
            Connections = parsed.GetValue(LoadOptions.Connections),
            Window = Math.Max(1, parsed.GetValue(LoadOptions.Window)),
            Threads = Math.Max(1, parsed.GetValue(LoadOptions.Threads)),
            Retry = parsed.GetValue(LoadOptions.Retries) is > 0 and var attempts ? new RetryRule(attempts, parsed.GetValue(LoadOptions.RetryBudget)) : RetryRule.None,
            Verify = parsed.GetValue(LoadOptions.Verify),
            Tolerance = parsed.GetResult(LoadOptions.Tolerance) is { Implicit: false } ? parsed.GetValue(LoadOptions.Tolerance) : ScenarioPlan.DefaultTolerance,
            Seed = parsed.GetValue(LoadOptions.Seed),
            PayloadSeed = parsed.GetValue(LoadOptions.PayloadSeed),
            Headers = Headers(),
            Token = parsed.GetValue(LoadOptions.Token),
            Method = parsed.GetValue(LoadOptions.Method),
            IsInsecure = parsed.GetValue(LoadOptions.Insecure),
        };
    }

    private ArrivalKind Arrivals(out int burst)
    {
        burst = 1;
        string text = parsed.GetValue(LoadOptions.Arrivals) ?? "poisson";
        if (text == "poisson") return ArrivalKind.Poisson;
        if (text == "constant") return ArrivalKind.Constant;
        if (text.StartsWith("burst:", StringComparison.Ordinal) && int.TryParse(text.AsSpan(6), NumberStyles.None, CultureInfo.InvariantCulture, out burst) && burst is >= 1 and <= 100_000) return ArrivalKind.Burst;
        Complain($"--arrivals: '{text}' is not poisson, constant or burst:N");
        return ArrivalKind.Poisson;
    }

    private PayloadRecipe Recipe()
    {
        Dictionary<string, long[]> shapes = [];
        foreach (string text in parsed.GetValue(LoadOptions.Shape) ?? [])
        {
            int colon = text.LastIndexOf(':');
            long[] shape = [.. (colon > 0 ? text[(colon + 1)..] : "").Split(',', 'x').Select(size => long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : -1)];
            if (colon <= 0 || shape.Any(size => size < 0)) Complain($"--shape: '{text}' is not INPUT:D,D,… (such as input:1,3,224,224)");
            else shapes[text[..colon]] = shape;
        }

        Dictionary<string, (double, double)> ranges = [];
        foreach (string text in parsed.GetValue(LoadOptions.Range) ?? [])
        {
            string[] parts = text.Split(':');
            bool isGood = parts.Length is 2 or 3;
            double least = 0;
            double most = 0;
            isGood = isGood && double.TryParse(parts[^2], NumberStyles.Float, CultureInfo.InvariantCulture, out least) && double.TryParse(parts[^1], NumberStyles.Float, CultureInfo.InvariantCulture, out most);
            if (!isGood || least > most) Complain($"--range: '{text}' is not [INPUT:]LEAST:MOST (such as 0:16)");
            else ranges[parts.Length == 3 ? parts[0] : "*"] = (least, most);
        }

        string? replay = parsed.GetValue(LoadOptions.Replay);
        return new PayloadRecipe
        {
            Distinct = Math.Max(1, parsed.GetValue(LoadOptions.Distinct)),
            Rows = Math.Max(1, parsed.GetValue(LoadOptions.Rows)),
            Shapes = shapes,
            Ranges = ranges,
            Files = parsed.GetValue(LoadOptions.Payload) ?? [],
            Trace = replay is not null && _problems.Count == 0 && (_trace ??= Trace.Read(replay)).Payloads.Count > 0 ? _trace : null,
            ZipfExponent = parsed.GetValue(LoadOptions.Zipf),
        };
    }

    private string[] Headers()
    {
        string[] headers = parsed.GetValue(LoadOptions.Header) ?? [];
        foreach (string header in headers)
        {
            if (header.IndexOf(':') <= 0 || header.AsSpan().ContainsAny('\r', '\n')) Complain($"--header: '{header}' is not NAME: VALUE");
        }

        return headers;
    }
}
