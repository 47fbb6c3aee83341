using Gateway.Core.Requests;

namespace Gateway.Core.Scheduling;

/// <summary>Texts with which the batcher refuses; the first two are Triton's, which clients look for.</summary>
internal static class Refusals
{
    public const string QueueFull = "Exceeds maximum queue size";
    public const string TimeoutExpired = "Request timeout expired";
    public const string Cancelled = "Request was cancelled";
    public const string Stopping = "Server is stopping, scheduler for model has stopped accepting new inference requests";
    public const string Abandoned = "Server stopped before the request could be served";
    public const string Gone = "All instances of the model have lost their device, which has not come back";
    public const string NotCached = "The cache has no answer, and the request is not to be run (only-if-cached)";

    /// <summary>The text as Triton prints it, with the request's id before it.</summary>
    public static string For(InferenceRequest request, string text) => request.Id.Length > 0 ? $"[request id: {request.Id}] {text}" : text;

    /// <summary>Microseconds between two timestamps.</summary>
    public static long Microseconds(TimeProvider time, long from, long to) => time.GetElapsedTime(from, to).Ticks / TimeSpan.TicksPerMicrosecond;

    /// <summary>What <see cref="For"/> made of a request's text, without the id.</summary>
    public static string Without(InferenceRequest request, string text)
    {
        string prefix = request.Id.Length > 0 ? $"[request id: {request.Id}] " : "";
        return prefix.Length > 0 && text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : text;
    }
}
