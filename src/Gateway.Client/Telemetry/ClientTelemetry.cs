using System.Diagnostics;
using System.Diagnostics.Metrics;
using Gateway.Client.Calls;
using Gateway.Protocol;

namespace Gateway.Client.Telemetry;

/// <summary>The client's metrics and traces, both named <c>Gateway.Client</c>.</summary>
/// <remarks><b>Cost</b>: nothing while nobody listens.</remarks>
internal static class ClientTelemetry
{
    public const string Name = "Gateway.Client";

    public static readonly ActivitySource Source = new(Name);

    private static readonly Meter Meter = new(Name);

    public static readonly UpDownCounter<long> Connections =
        Meter.CreateUpDownCounter<long>("gateway.client.connections", "{connection}", "Connections of frames that are open.");

    private static readonly Counter<long> Requests = Meter.CreateCounter<long>("gateway.client.requests", "{request}", "Inferences that ended, by outcome.");

    private static readonly Histogram<double> Duration = Meter.CreateHistogram<double>("gateway.client.duration", "s", "Time of an inference, retries and waiting included.");

    /// <summary>Whether anybody wants to know how calls end.</summary>
    public static bool IsMeasuring => Requests.Enabled || Duration.Enabled;

    public static void Record(CallFailure? failure, double seconds)
    {
        Requests.Add(1, new KeyValuePair<string, object?>("outcome", Outcome(failure)));
        Duration.Record(seconds);
    }

    private static string Outcome(CallFailure? failure) => failure?.Error switch
    {
        null => "ok",
        InferenceException error => error.Status.WireName(),
        OperationCanceledException => StatusCode.Cancelled.WireName(),
        TimeoutException => "DEADLINE_EXCEEDED",
        _ => "CONNECTION",
    };
}
