using Gateway.Core.Diagnostics;
using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Server.Overflow;

namespace Gateway.Server.Metrics;

/// <summary>What goes to replicas, what comes back, and what is thought of them.</summary>
internal sealed class OverflowFamilies(Replicas replicas, OverflowDispatch overflow) : IMetricFamilies
{
    public void Write(PrometheusWriter writer)
    {
        WriteDecisions(writer, overflow.Counts);
        Replica[] members = replicas.Fleet.Watched.ToArray();
        if (members.Length == 0) return;
        WriteRequests(writer, members);
        EachHealth(writer, members, "gateway_replica_in_flight_requests", "gauge", "Requests that a replica was sent and has not answered.", static health => health.InFlight);
        EachHealth(writer, members, "gateway_replica_ejections_total", "counter", "Times that a replica was thrown out for failures.", static health => health.Ejections);
        Each(writer, members, "gateway_replica_state", "gauge", "What a replica says of itself: 0 starting, 1 serving, 2 draining, 3 stopped.", static replica => (long)replica.State);
        EachHealth(writer, members, "gateway_replica_health", "gauge", "What is thought of a replica: 0 healthy, 1 ejected, 2 tried with one request, 3 slowly started, 4 not warmed up.", static health => (long)health.State);
        WritePredictions(writer, members);
        WriteRetries(writer, replicas.Fleet.Retries);
        WriteHops(writer, overflow.Counts.Hops());
        writer.Family("gateway_replica_round_trip_us", "gauge", "Microseconds that asking a replica takes, smoothed over all.");
        writer.Sample("gateway_replica_round_trip_us", replicas.Hop);
    }

    private static void WriteDecisions(PrometheusWriter writer, OverflowCounts counts)
    {
        const string Decisions = "gateway_overflow_decisions_total";
        writer.Family(Decisions, "counter", "Decisions on requests for which replicas were looked at; a request may take several.");
        writer.Sample(Decisions, counts.Local, ("decision", "local"));
        writer.Sample(Decisions, counts.Forwarded, ("decision", "forward"));
        writer.Sample(Decisions, counts.Refused, ("decision", "refuse"));
        const string Received = "gateway_overflow_received_total";
        writer.Family(Received, "counter", "Requests that other gateways have forwarded to this one.");
        writer.Sample(Received, counts.Taken, ("outcome", "taken"));
        writer.Sample(Received, counts.Declined, ("outcome", "declined"));
    }

    private static void WriteRequests(PrometheusWriter writer, Replica[] members)
    {
        const string Requests = "gateway_replica_requests_total";
        writer.Family(Requests, "counter", "What became of requests that were sent to a replica.");
        foreach (Replica replica in members)
        {
            ReplicaCounts counts = replica.Counts;
            writer.Sample(Requests, counts.Answered, ("outcome", "answered"), ("replica", replica.Address));
            writer.Sample(Requests, counts.Refused, ("outcome", "refused"), ("replica", replica.Address));
            writer.Sample(Requests, counts.Failed, ("outcome", "failed"), ("replica", replica.Address));
            writer.Sample(Requests, counts.TimedOut, ("outcome", "timed_out"), ("replica", replica.Address));
            writer.Sample(Requests, counts.Abandoned, ("outcome", "abandoned"), ("replica", replica.Address));
        }
    }

    private static void WriteRetries(PrometheusWriter writer, RetryBudget budget)
    {
        writer.Family("gateway_overflow_retry_tokens", "gauge", "Further attempts at a request that may be made now: each takes one, and ten answers of replicas bring one, up to 20.");
        writer.Sample("gateway_overflow_retry_tokens", budget.Saved);
        writer.Family("gateway_overflow_denied_retries_total", "counter", "Times that a request that a replica had not answered found no token for another attempt.");
        writer.Sample("gateway_overflow_denied_retries_total", budget.Denied);
    }

    private static void WriteHops(PrometheusWriter writer, DurationHistogram hops)
    {
        const string Hops = "gateway_overflow_hop_duration_seconds";
        writer.Family(Hops, "histogram", "Time from sending a request to a replica to its whole answer, of those that were answered.");
        writer.Histogram(Hops, GatewayFamilies.DurationBounds, hops.Counts, hops.TotalNanoseconds / 1e9);
    }

    private static void WritePredictions(PrometheusWriter writer, Replica[] members)
    {
        const string Predicted = "gateway_replica_predicted_completion_us";
        writer.Family(Predicted, "gauge", "Microseconds until a replica would answer one more request of a model, by its last report.");
        foreach (Replica replica in members)
        {
            foreach ((ModelKey model, RemoteQueue queue) in replica.Queues.Where(queue => queue.Key.Version == 0))
            {
                if (queue.Report is { } report) writer.Sample(Predicted, report.CompletionMicroseconds, ("model", model.Name), ("replica", replica.Address));
            }
        }
    }

    private static void EachHealth(PrometheusWriter writer, Replica[] members, string name, string type, string help, Func<ReplicaHealth, long> value)
    {
        writer.Family(name, type, help);
        foreach (Replica replica in members)
        {
            writer.Sample(name, value(replica.Http), ("replica", replica.Address), ("transport", "http"));
            if (replica.GrpcAddress is not null) writer.Sample(name, value(replica.Grpc), ("replica", replica.Address), ("transport", "grpc"));
        }
    }

    private static void Each(PrometheusWriter writer, Replica[] members, string name, string type, string help, Func<Replica, long> value)
    {
        writer.Family(name, type, help);
        foreach (Replica replica in members) writer.Sample(name, value(replica), ("replica", replica.Address));
    }
}
