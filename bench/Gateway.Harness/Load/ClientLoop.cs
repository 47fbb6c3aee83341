using System.Runtime.InteropServices;
using Gateway.Client;
using Gateway.Harness.Models;
using Gateway.Load.Statistics;

namespace Gateway.Harness.Load;

/// <summary>Keeps calls of <see cref="InferenceClient"/> in flight, as a program would that has that many requests at a time.</summary>
internal static class ClientLoop
{
    // Until pools are filled and batches in step.
    private const double LeadInShare = 0.1;

    /// <param name="callers">Calls in flight, each made by a loop of its own.</param>
    /// <param name="allocated">Managed bytes that this process allocated for each call in the stretch that counts.</param>
    public static LoadResult Run(InferenceClient client, BenchModel model, int callers, double seconds, Func<TimeSpan> serverCpu, out double allocated)
    {
        TimeProvider time = TimeProvider.System;
        using ThreadLocal<LatencyHistogram> latencies = new(static () => new LatencyHistogram(), trackAllValues: true);
        TimeSpan clientBefore = Environment.CpuUsage.TotalTime;
        TimeSpan serverBefore = serverCpu();
        long bytesBefore = GC.GetTotalAllocatedBytes(precise: true);
        long start = time.GetTimestamp();
        Stretch stretch = new(start + (long)(seconds * LeadInShare * time.TimestampFrequency), start + (long)(seconds * time.TimestampFrequency), latencies);
        long[] answered = Task.WhenAll(Enumerable.Range(0, callers).Select(_ => CallAsync(client, model, stretch))).GetAwaiter().GetResult();
        double passed = time.GetElapsedTime(start).TotalSeconds;
        TimeSpan clientCpu = Environment.CpuUsage.TotalTime - clientBefore;
        TimeSpan server = serverCpu() - serverBefore;
        allocated = (double)(GC.GetTotalAllocatedBytes(precise: true) - bytesBefore) / answered.Sum();
        LatencyHistogram all = new();
        foreach (LatencyHistogram ofThread in latencies.Values) all.Add(ofThread);
        return new LoadResult(
            answered.Sum(),
            all.Count,
            time.GetElapsedTime(stretch.Start, stretch.End).TotalSeconds,
            all.Microseconds(0.5),
            all.Microseconds(0.99),
            clientCpu.TotalSeconds / passed,
            server.TotalSeconds / passed);
    }

    /// <returns>Calls made.</returns>
    private static async Task<long> CallAsync(InferenceClient client, BenchModel model, Stretch stretch)
    {
        TimeProvider time = TimeProvider.System;
        double nanosecondsPerTick = 1e9 / time.TimestampFrequency;
        float[] input = MemoryMarshal.Cast<byte, float>(model.RandomRows(1)).ToArray();
        InferenceRequest request = new InferenceRequest(model.Name).AddInput(BenchModel.InputName, input, [1, .. model.InputDims.Select(dimension => (long)dimension)]);
        long answered = 0;
        long now = time.GetTimestamp();
        while (now < stretch.End)
        {
            long sent = now;
            using (InferenceResponse response = await client.InferAsync(request).ConfigureAwait(false))
            {
                int bytes = response[0].AsSpan<float>().Length * sizeof(float);
                if (bytes != model.OutputBytes) throw new IOException($"an answer of {bytes} bytes where {model.OutputBytes} are due");
            }

            now = time.GetTimestamp();
            answered++;
            if (sent >= stretch.Start && now <= stretch.End) stretch.Latencies.Value!.Record((long)((now - sent) * nanosecondsPerTick));
        }

        return answered;
    }

    /// <summary>What counts: what is sent and answered in it.</summary>
    private sealed record Stretch(long Start, long End, ThreadLocal<LatencyHistogram> Latencies);
}
