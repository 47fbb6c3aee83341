using System.Globalization;
using Gateway.Core.Requests;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the <c>Server-Timing</c> header: how long a request took at each stage, in milliseconds, and the rows of its batch.</summary>
/// <remarks>
/// <c>queue</c>: until an instance was free for it. <c>batch</c>: until its batch was closed, which is the wait for company and the instance's waking up. Then
/// <c>gather</c>, <c>run</c> and <c>scatter</c>. Together they are the time from the queue to the answer; reading and writing are not in it.
/// </remarks>
internal static class ServerTiming
{
    public const string HeaderName = "Server-Timing";

    public static string Format(in StageTimes times, TimeProvider time)
    {
        double queue = Milliseconds(time, times.Queued, times.BatchOpened);
        double batch = Milliseconds(time, times.BatchOpened, times.GatherStart);
        double gather = Milliseconds(time, times.GatherStart, times.RunStart);
        double run = Milliseconds(time, times.RunStart, times.RunEnd);
        double scatter = Milliseconds(time, times.RunEnd, times.Released);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"queue;dur={queue:0.###}, batch;dur={batch:0.###};desc=\"{times.BatchRows} rows\", gather;dur={gather:0.###}, run;dur={run:0.###}, scatter;dur={scatter:0.###}");
    }

    private static double Milliseconds(TimeProvider time, long from, long to) => time.GetElapsedTime(from, to).TotalMilliseconds;
}
