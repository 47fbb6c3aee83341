using System.Globalization;
using Gateway.Core.Requests;

namespace Gateway.Core.Scheduling;

/// <summary>Texts with which the batcher refuses; the first two are Triton's, which clients look for.</summary>
internal static class Refusals
{
    public const string QueueFull = "Exceeds maximum queue size";
    private const string UnknownQueueFull = "[request id: <id_unknown>] " + QueueFull;
    public const string TimeoutExpired = "Request timeout expired";
    public const string Cancelled = "Request was cancelled";
    public const string Stopping = "Server is stopping, scheduler for model has stopped accepting new inference requests";
    public const string Abandoned = "Server stopped before the request could be served";

    /// <summary>The text of a refusal. Those for the sake of a deadline say how long it would have taken.</summary>
    public static string TextOf(in Refusal refusal, long arrival, long due, TimeProvider time) => refusal.Reason switch
    {
        RefusalReason.QueueFull => QueueFull,
        _ => string.Create(
            CultureInfo.InvariantCulture,
            $"Request would be finished after {time.GetElapsedTime(arrival, refusal.PredictedEnd).TotalMilliseconds:0.###} ms, and its deadline is {time.GetElapsedTime(arrival, due).TotalMilliseconds:0.###} ms"),
    };

    /// <summary>The text for a request that has not been read.</summary>
    public static string ForUnknown(string text) => text == QueueFull ? UnknownQueueFull : $"[request id: <id_unknown>] {text}";

    /// <summary>The text as Triton prints it, with the request's id before it.</summary>
    public static string For(InferenceRequest request, string text) =>
        request.Id.Length > 0 ? $"[request id: {request.Id}] {text}" : text switch
        {
            // Ready made: an overload brings it by the thousand.
            QueueFull => UnknownQueueFull,
            _ => text,
        };
}
