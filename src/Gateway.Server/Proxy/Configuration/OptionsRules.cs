using System.Globalization;
using System.Net;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>Checks the proxy's own sections, each setting against its range.</summary>
internal static class OptionsRules
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Tenth = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan HalfSecond = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    public static void Check(ProxyOptions options, List<string> problems)
    {
        const string At = "Gateway:Proxy";
        Within(options.MaxRequestBytes, 1, long.MaxValue, $"{At}:MaxRequestBytes", problems);
        Within(options.MaxResponseBytes, 1, long.MaxValue, $"{At}:MaxResponseBytes", problems);
        Within(options.Timeout, TimeSpan.FromMilliseconds(1), Day, $"{At}:Timeout", problems);
    }

    public static void Check(string name, RateLimitOptions limit, List<string> problems)
    {
        string at = $"Gateway:RateLimits:{name}";
        if (limit.Requests is null && limit.Concurrency is null) problems.Add($"{at}: limits nothing (set Requests or Concurrency)");
        Within(limit.Requests, 1, 1_000_000, $"{at}:Requests", problems);
        Within(limit.Window, Tenth, Hour, $"{at}:Window", problems);
        Within(limit.Burst, limit.Requests ?? 1, 1_000_000, $"{at}:Burst", problems);
        Within(limit.Concurrency, 1, 100_000, $"{at}:Concurrency", problems);
        Within(limit.Queue, 0, 100_000, $"{at}:Queue", problems);
        if (limit.Queue > 0 && limit.Concurrency is null) problems.Add($"{at}:Queue: there is no Concurrency to wait for");
    }

    public static void Check(string cluster, ResilienceOptions options, List<string> problems)
    {
        string at = $"Gateway:Resilience:{cluster}";
        TimeSpan least = TimeSpan.FromMilliseconds(10);
        Within(options.ConnectTimeout, least, Day, $"{at}:ConnectTimeout", problems);
        Within(options.FirstByteTimeout, least, Day, $"{at}:FirstByteTimeout", problems);
        Within(options.TotalTimeout, least, Day, $"{at}:TotalTimeout", problems);
        if (options.Retry is { } retry)
        {
            Within(retry.MaxRetries, 1, 10, $"{at}:Retry:MaxRetries", problems);
            Within(retry.Delay, TimeSpan.Zero, TimeSpan.FromSeconds(10), $"{at}:Retry:Delay", problems);
            if (retry.Budget is not (> 0 and <= 1)) problems.Add(string.Create(CultureInfo.InvariantCulture, $"{at}:Retry:Budget: {retry.Budget} is not valid (allowed above 0, to 1)"));
            Within(retry.MaxBodyBytes, 0, 1 << 20, $"{at}:Retry:MaxBodyBytes", problems);
        }

        if (options.CircuitBreaker is not { } circuit) return;
        if (circuit.FailureRatio is not (> 0 and <= 1)) problems.Add(string.Create(CultureInfo.InvariantCulture, $"{at}:CircuitBreaker:FailureRatio: {circuit.FailureRatio} is not valid (allowed above 0, to 1)"));
        Within(circuit.MinimumThroughput, 2, 1_000_000, $"{at}:CircuitBreaker:MinimumThroughput", problems);
        Within(circuit.SamplingDuration, HalfSecond, Hour, $"{at}:CircuitBreaker:SamplingDuration", problems);
        Within(circuit.BreakDuration, HalfSecond, Hour, $"{at}:CircuitBreaker:BreakDuration", problems);
    }

    public static void Check(DnsOptions options, List<string> problems)
    {
        const string At = "Gateway:Dns";
        const int MostServers = 8;
        if (options.NameServers.Count > MostServers) problems.Add($"{At}:NameServers: {options.NameServers.Count} are too many (allowed {MostServers})");
        foreach (string server in options.NameServers)
        {
            if (!TryParseServer(server, out _)) problems.Add($"{At}:NameServers: '{server}' is not valid (allowed an address, or address:port)");
        }

        Within(options.Timeout, Tenth, TimeSpan.FromSeconds(30), $"{At}:Timeout", problems);
        Within(options.MinimumTtl, Tenth, Hour, $"{At}:MinimumTtl", problems);
        Within(options.MaximumTtl, options.MinimumTtl, Day, $"{At}:MaximumTtl", problems);
        Within(options.RetryInterval, Tenth, Hour, $"{At}:RetryInterval", problems);
    }

    /// <summary>Reads a name server's address; its port is 53 unless it says another.</summary>
    public static bool TryParseServer(string text, out IPEndPoint server)
    {
        const int Port = 53;
        server = new IPEndPoint(IPAddress.None, Port);

        // IPEndPoint.TryParse takes "5" for an address: a dot or a colon tells one from a number.
        if (text.AsSpan().IndexOfAny('.', ':') < 0 || !IPEndPoint.TryParse(text, out IPEndPoint? parsed)) return false;
        server = parsed.Port == 0 ? new IPEndPoint(parsed.Address, Port) : parsed;
        return true;
    }

    private static void Within<T>(T? value, T least, T most, string at, List<string> problems)
        where T : struct, IComparable<T>, IFormattable
    {
        if (value is { } given && (given.CompareTo(least) < 0 || given.CompareTo(most) > 0))
        {
            problems.Add(string.Create(CultureInfo.InvariantCulture, $"{at}: {given} is not valid (allowed {least} to {most})"));
        }
    }
}
