using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>Writes the <c>Server-Timing</c> header: how long a request took at each stage, in milliseconds, and the rows of its batch.</summary>
/// <remarks>
/// <c>unread</c>: how long it had come before it was read, where that is known, which is in frames. <c>queue</c>: until an instance was free for it. <c>batch</c>: until its batch was closed, which is the wait for company and the instance's waking up. Then
/// <c>gather</c>, <c>run</c> and <c>scatter</c>; on a device <c>upload</c> and <c>download</c> too, before and after the run, each with the wait for its turn. Together they are the time from the queue to the answer; reading and writing are not in it.
/// <c>predicted</c>: what they were to be together, by what was known when the request came.
/// </remarks>
internal static class ServerTiming
{
    public const string HeaderName = "Server-Timing";

    /// <summary>With it, of any value, a request asks for its own times.</summary>
    public const string AskHeader = "Inference-Explain";

    /// <summary>With it, <c>true</c>, as a parameter likewise; over protocols without headers the answer has the text as <see cref="AnswerKey"/>.</summary>
    public static ReadOnlySpan<byte> AskParameter => "explain"u8;

    public static ReadOnlySpan<byte> AnswerKey => "server_timing"u8;

    /// <summary>Notes in a request that is about to be handed to its model whether it asks.</summary>
    public static void Note(InferenceRequest request, IHeaderDictionary headers) => request.WantsForecast = request.Explains || headers.ContainsKey(AskHeader);

    /// <summary>Adds the header to a request's answer over HTTP, if it asks for it or all answers have it.</summary>
    public static void AddTo(HttpContext context, InferenceRequest request, OpenInferenceOptions options)
    {
        if (options.ServerTiming || request.WantsForecast) context.Response.Headers[HeaderName] = Of(request);
    }

    /// <summary>The text for a request that has been answered; made once.</summary>
    public static string Of(InferenceRequest request) => request.Explanation ??= Format(request, request.Model.Batcher.Time);

    private static string Format(InferenceRequest request, TimeProvider time)
    {
        ref StageTimes times = ref request.Times;
        if (request.CacheOutcome is CacheOutcome.Hit or CacheOutcome.Joined)
        {
            string how = request.CacheOutcome == CacheOutcome.Hit ? "hit" : "joined";
            return string.Create(CultureInfo.InvariantCulture, $"cache;dur={Milliseconds(time, times.Queued, times.Released):0.###};desc=\"{how}\"");
        }

        double queue = Milliseconds(time, times.Queued, times.BatchOpened);
        double batch = Milliseconds(time, times.BatchOpened, times.GatherStart);
        double run = Milliseconds(time, times.RunStart, times.RunEnd);
        string unread = times.Unread == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"unread;dur={time.GetElapsedTime(0, times.Unread).TotalMilliseconds:0.###}, ");
        string waiting = string.Create(CultureInfo.InvariantCulture, $"{unread}queue;dur={queue:0.###}, batch;dur={batch:0.###};desc=\"{times.BatchRows} rows\"");
        string stages;
        if (times.UploadStart == 0)
        {
            double gather = Milliseconds(time, times.GatherStart, times.RunStart);
            double scatter = Milliseconds(time, times.RunEnd, times.Released);
            stages = string.Create(CultureInfo.InvariantCulture, $"{waiting}, gather;dur={gather:0.###}, run;dur={run:0.###}, scatter;dur={scatter:0.###}");
        }
        else
        {
            double gather = Milliseconds(time, times.GatherStart, times.UploadStart);
            double upload = Milliseconds(time, times.UploadStart, times.RunStart);
            double download = Milliseconds(time, times.RunEnd, times.DownloadEnd);
            double scatter = Milliseconds(time, times.DownloadEnd, times.Released);
            stages = string.Create(
                CultureInfo.InvariantCulture,
                $"{waiting}, gather;dur={gather:0.###}, upload;dur={upload:0.###}, run;dur={run:0.###}, download;dur={download:0.###}, scatter;dur={scatter:0.###}");
        }

        if (request.PredictedEnd == 0) return request.WantsForecast ? string.Create(CultureInfo.InvariantCulture, $"{stages}, ahead;desc=\"{request.RowsAhead} rows ahead\"") : stages;
        double predicted = Milliseconds(time, times.Queued, request.PredictedEnd);
        return string.Create(CultureInfo.InvariantCulture, $"{stages}, predicted;dur={predicted:0.###};desc=\"{request.RowsAhead} rows ahead\"");
    }

    private static double Milliseconds(TimeProvider time, long from, long to) => time.GetElapsedTime(from, to).TotalMilliseconds;
}
