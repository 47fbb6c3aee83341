using System.Globalization;
using Gateway.Core.Requests;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the <c>Server-Timing</c> header: how long a request took at each stage, in milliseconds, and the rows of its batch.</summary>
internal static class ServerTiming
{
    public const string HeaderName = "Server-Timing";

    public static string Format(in StageTimes times, TimeProvider time)
    {
        double queue = Milliseconds(time, times.Queued, times.GatherStart);
        double gather = Milliseconds(time, times.GatherStart, times.RunStart);
        double run = Milliseconds(time, times.RunStart, times.RunEnd);
        double scatter = Milliseconds(time, times.RunEnd, times.Released);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"queue;dur={queue:0.###}, batch;desc=\"{times.BatchRows}\", gather;dur={gather:0.###}, run;dur={run:0.###}, scatter;dur={scatter:0.###}");
    }

    private static double Milliseconds(TimeProvider time, long from, long to) => time.GetElapsedTime(from, to).TotalMilliseconds;
}
