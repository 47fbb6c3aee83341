using Gateway.Load.Scenarios;

namespace Gateway.Load.ServerMetrics;

/// <summary>Reads the server's metrics again and again while a run is under way.</summary>
/// <remarks><b>Threading</b>: a task of its own from <see cref="Start"/> to <see cref="Stop"/>. <b>Behaviour</b>: a page that cannot be had is left out; of a page only what <see cref="ServerReading"/> reads is kept, and of a long run fewer pages (<see cref="SampleShelf"/>).</remarks>
internal sealed class MetricsSource : IDisposable
{
    // A chart has no more points.
    private const int Most = 1200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly HttpClient _client = new() { Timeout = Patience };
    private readonly Uri _url;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly SampleShelf _samples = new(Most);
    private long _start;
    private Task _reading = Task.CompletedTask;

    private MetricsSource(Uri url, TimeProvider time)
    {
        _url = url;
        _time = time;
        _start = time.GetTimestamp();
    }

    /// <returns>Null when nothing answers there, or not with metrics.</returns>
    public static MetricsSource? TryOpen(Uri url, TimeProvider time)
    {
        MetricsSource source = new(url, time);
        if (source.TryRead() is { Series.Count: > 0 }) return source;
        source.Dispose();
        return null;
    }

    /// <summary>For people.</summary>
    public string Url => QueryText.WithoutValues(_url.ToString());

    /// <param name="start">The run's start; a timestamp.</param>
    /// <param name="interval">Time between two reads.</param>
    public void Start(long start, TimeSpan interval)
    {
        _start = start;
        _reading = Task.Run(() => ReadAgainAsync(interval));
    }

    /// <summary>Reads once more, and gives all there is.</summary>
    public IReadOnlyList<MetricsSample> Stop()
    {
        _stop.Cancel();
        _reading.GetAwaiter().GetResult();
        if (TryRead() is { } last) _samples.Add(last);
        return _samples.Samples;
    }

    /// <summary>One page now; null when it cannot be had.</summary>
    public MetricsSample? TryRead()
    {
        try
        {
            using HttpRequestMessage request = new(HttpMethod.Get, _url);
            using HttpResponseMessage response = _client.Send(request);
            response.EnsureSuccessStatusCode();
            using StreamReader reader = new(response.Content.ReadAsStream());
            return new MetricsSample(_time.GetElapsedTime(_start).TotalSeconds, PrometheusText.Parse(reader.ReadToEnd(), ServerReading.Names));
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException or IOException or NotSupportedException or InvalidOperationException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _client.Dispose();
        _stop.Dispose();
    }

    private async Task ReadAgainAsync(TimeSpan interval)
    {
        using PeriodicTimer timer = new(interval, _time);
        try
        {
            do
            {
                if (_samples.WantsNext() && TryRead() is { } sample) _samples.Add(sample);
            }
            while (await timer.WaitForNextTickAsync(_stop.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }
}
