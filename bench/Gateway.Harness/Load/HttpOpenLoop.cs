using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>As <see cref="OpenLoop"/>, over HTTP in JSON, for what is no path of frames: routes of the proxy.</summary>
/// <remarks>Latencies count from the time at which a call was to be sent. The client is the framework's, which costs more than the others here: for some hundred calls a second.</remarks>
internal static class HttpOpenLoop
{
    // Of the time, at its begin, of which nothing counts.
    private const double LeadIn = 0.2;

    /// <param name="target">Where calls go.</param>
    /// <param name="elements">Zeros that a request has.</param>
    /// <param name="deadline">Time for an answer, as the client sees it; the server is told a little less.</param>
    public static OpenLoopResult Run(Uri target, int elements, double perSecond, TimeSpan deadline, double seconds, int seed, Func<TimeSpan> serverCpu) =>
        RunAsync(target, elements, perSecond, deadline, seconds, seed, serverCpu).GetAwaiter().GetResult();

    private static async Task<OpenLoopResult> RunAsync(Uri target, int elements, double perSecond, TimeSpan deadline, double seconds, int seed, Func<TimeSpan> serverCpu)
    {
        TimeProvider time = TimeProvider.System;
        using HttpClient http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 1024 });
        byte[] body = Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $$"""{"inputs":[{"name":"x","datatype":"INT64","shape":[1,{{elements}}],"data":[{{string.Join(',', Enumerable.Repeat('0', elements))}}]}]}"""));
        string told = (0.97 * deadline.TotalMilliseconds).ToString("0.###", CultureInfo.InvariantCulture);
        Random random = new(seed);
        Outcome outcome = new();
        List<Task> calls = [];
        TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
        TimeSpan serverBefore = serverCpu();
        long start = time.GetTimestamp();
        long offered = 0;
        for (double at = 0; at < seconds; at -= Math.Log(1 - random.NextDouble()) / perSecond)
        {
            TimeSpan early = TimeSpan.FromSeconds(at) - time.GetElapsedTime(start);
            if (early > TimeSpan.FromMilliseconds(1)) await Task.Delay(early, time).ConfigureAwait(false);
            bool counts = at >= LeadIn * seconds;
            if (counts) offered++;
            calls.Add(CallAsync(start + (long)(at * time.TimestampFrequency), counts));
        }

        await Task.WhenAll(calls).ConfigureAwait(false);
        double passed = time.GetElapsedTime(start).TotalSeconds;
        double measured = (1 - LeadIn) * seconds;
        return new OpenLoopResult(
            offered / measured, outcome.InTime / measured, outcome.Late / measured, outcome.Refused / measured, 0,
            outcome.Answers.Microseconds(0.5), outcome.Answers.Microseconds(0.99), outcome.Refusals.Microseconds(0.5), outcome.Refusals.Microseconds(0.99),
            (Environment.CpuUsage.TotalTime - clientBefore).TotalSeconds / passed,
            (serverCpu() - serverBefore).TotalSeconds / passed);

        async Task CallAsync(long due, bool counts)
        {
            using HttpRequestMessage request = new(HttpMethod.Post, target) { Content = new ByteArrayContent(body) };
            request.Headers.TryAddWithoutValidation("Inference-Timeout-Ms", told);
            using HttpResponseMessage answer = await http.SendAsync(request).ConfigureAwait(false);
            TimeSpan took = time.GetElapsedTime(due);
            if (counts) outcome.Note(answer.StatusCode, took, deadline);
        }
    }

    private sealed class Outcome
    {
        private readonly Lock _lock = new();

        public LatencyHistogram Answers { get; } = new();

        public LatencyHistogram Refusals { get; } = new();

        public long InTime { get; private set; }

        public long Late { get; private set; }

        public long Refused { get; private set; }

        public void Note(HttpStatusCode status, TimeSpan took, TimeSpan deadline)
        {
            lock (_lock)
            {
                (status == HttpStatusCode.OK ? Answers : Refusals).Record((long)took.TotalNanoseconds);
                if (status != HttpStatusCode.OK) Refused++;
                else if (took <= deadline) InTime++;
                else Late++;
            }
        }
    }
}
