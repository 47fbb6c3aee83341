using System.Globalization;

namespace Gateway.FleetFaults;

/// <summary>Counters of one process.</summary>
/// <param name="Sent">Requests that it has sent to others, those under way aside.</param>
/// <param name="Answered">Of those, answered.</param>
/// <param name="InFlight">Requests that it has sent to others and that are not answered.</param>
/// <param name="Received">Requests that others have sent to it.</param>
/// <param name="Taken">Of those, served.</param>
/// <param name="Succeeded">Requests that its model has answered.</param>
internal readonly record struct MeshCounts(long Sent, long Answered, long InFlight, long Received, long Taken, long Succeeded)
{
    public static MeshCounts operator -(MeshCounts after, MeshCounts before) => new(
        after.Sent - before.Sent, after.Answered - before.Answered, after.InFlight, after.Received - before.Received, after.Taken - before.Taken, after.Succeeded - before.Succeeded);

    public static MeshCounts operator +(MeshCounts one, MeshCounts other) => new(
        one.Sent + other.Sent, one.Answered + other.Answered, one.InFlight + other.InFlight, one.Received + other.Received, one.Taken + other.Taken, one.Succeeded + other.Succeeded);

    public static MeshCounts Parse(string metrics)
    {
        string[] lines = metrics.Split('\n');
        return new MeshCounts(
            Sum("gateway_replica_requests_total{"), Sum("gateway_replica_requests_total{outcome=\"answered\""), Sum("gateway_replica_in_flight_requests"),
            Sum("gateway_overflow_received_total{"), Sum("gateway_overflow_received_total{outcome=\"taken\""), Sum("nv_inference_request_success"));

        long Sum(string start) => lines.Where(line => line.StartsWith(start, StringComparison.Ordinal)).Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));
    }
}
