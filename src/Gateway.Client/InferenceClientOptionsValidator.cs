using Gateway.Client.Endpoints;

namespace Gateway.Client;

/// <summary>Finds everything that is wrong with <see cref="InferenceClientOptions"/>.</summary>
internal static class InferenceClientOptionsValidator
{
    // What a call number leaves for the place in the table.
    private const int MostWindow = ushort.MaxValue;
    private const int MostConnections = 64;

    /// <exception cref="ArgumentException">Something is wrong; the message lists it all.</exception>
    public static void Validate(InferenceClientOptions options)
    {
        List<string> problems = [];
        if (options.Endpoints.Count == 0) problems.Add($"Endpoints: there is none (allowed: {EndpointAddress.Forms})");
        foreach (string endpoint in options.Endpoints)
        {
            if (!EndpointAddress.TryParse(endpoint, out _)) problems.Add($"Endpoints: '{endpoint}' is no address (allowed: {EndpointAddress.Forms})");
        }

        if (options.Tenant is { } tenant && (tenant.Length is 0 or > 128 || tenant.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0))
        {
            problems.Add("Tenant: is no name (allowed: 1 to 128 visible ASCII characters)");
        }

        Within(problems, nameof(options.ConnectionsPerEndpoint), options.ConnectionsPerEndpoint, 1, MostConnections);
        Within(problems, nameof(options.Window), options.Window ?? 1, 1, MostWindow);
        Within(problems, nameof(options.MaxAttempts), options.MaxAttempts, 1, 100);
        Within(problems, nameof(options.MaxAnswerBytes), options.MaxAnswerBytes, 1024, Array.MaxLength);
        Within(problems, nameof(options.MaxQueuedBytes), options.MaxQueuedBytes, 1, Array.MaxLength);
        Time(problems, nameof(options.Timeout), options.Timeout, mayBeInfinite: true);
        Time(problems, nameof(options.ConnectTimeout), options.ConnectTimeout, mayBeInfinite: false);
        Time(problems, nameof(options.KeepAliveInterval), options.KeepAliveInterval, mayBeInfinite: true);
        Time(problems, nameof(options.KeepAliveTimeout), options.KeepAliveTimeout, mayBeInfinite: false);
        Time(problems, nameof(options.ReconnectDelay), options.ReconnectDelay, mayBeInfinite: false);
        Time(problems, nameof(options.MaxReconnectDelay), options.MaxReconnectDelay, mayBeInfinite: false);
        Time(problems, nameof(options.RetryDelay), options.RetryDelay, mayBeInfinite: false);
        if (problems.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, problems), nameof(options));
    }

    /// <summary>Longest time that timers take.</summary>
    public static TimeSpan LongestTime { get; } = TimeSpan.FromDays(1);

    private static void Within(List<string> problems, string name, int value, int least, int most)
    {
        if (value < least || value > most) problems.Add($"{name}: {value} (allowed: {least} to {most})");
    }

    private static void Time(List<string> problems, string name, TimeSpan value, bool mayBeInfinite)
    {
        if (mayBeInfinite && value == Timeout.InfiniteTimeSpan) return;
        if (value <= TimeSpan.Zero || value > LongestTime) problems.Add($"{name}: {value} (allowed: more than 0, at most a day{(mayBeInfinite ? ", or infinite" : "")})");
    }
}
