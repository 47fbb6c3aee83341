using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Server.Proxy.Configuration;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Overflow;

/// <summary>YARP's load balancing for proxied routes, by what the destinations that are replicas say of a model's queue: <c>"LoadBalancingPolicy": "PredictedCompletion"</c>.</summary>
/// <remarks>
/// <b>Behaviour</b>: the model is the one that the route's metadata names (<c>Model</c>, or <c>x-model</c> for a route that is not served here). Of the destinations that report on it two are drawn, and the
/// one that would answer first gets the request; of more than <see cref="OverflowPolicy.MostCandidates"/> another part is looked at each time. Which are cold or thrown out over HTTP, or this gateway itself, get none.
/// Where none reports, the same with the requests in flight instead. <b>Threading</b>: any. <b>Cost</b>: a look at each destination; no allocation but for the key.
/// </remarks>
internal sealed class PredictedCompletionPolicy(IServiceProvider services) : ILoadBalancingPolicy
{
    // Looked up when they are needed: a configuration is also checked where there are none.
    private Replicas? _replicas;
    private OverflowSettings? _settings;

    public string Name => "PredictedCompletion";

    public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        int all = availableDestinations.Count;
        if (all == 0) return null;
        ulong random = (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue);
        if (ModelOf(context.GetReverseProxyFeature().Route.Config.Metadata) is { } model)
        {
            int count = Math.Min(all, OverflowPolicy.MostCandidates);
            int start = count < all ? Random.Shared.Next(all) : 0;
            Span<OverflowCandidate> candidates = stackalloc OverflowCandidate[OverflowPolicy.MostCandidates];
            long now = Settings.Now();
            for (int i = 0; i < count; i++) candidates[i] = CandidateFor(availableDestinations[(start + i) % all].Model.Config.Address, model, now);
            OverflowQuestion question = new(OverflowQuestion.Never, HasRoom: false, OverflowQuestion.Never, Floor: 0, Known.Hop);
            OverflowDecision decision = OverflowPolicy.Decide(question, candidates[..count], Known.Fleet.MaximumAge, random);
            if (decision.Kind == OverflowKind.Forward)
            {
                // Its report does not know of it before the next one.
                DestinationState chosen = availableDestinations[(start + decision.Candidate) % all];
                Book(context, chosen.Model.Config.Address, model);
                return chosen;
            }
        }

        DestinationState first = OtherFrom(availableDestinations, (int)((uint)random % (uint)all));
        DestinationState second = OtherFrom(availableDestinations, (int)((uint)(random >> 32) % (uint)all));
        return first.ConcurrentRequestCount <= second.ConcurrentRequestCount ? first : second;
    }

    private Replicas Known => _replicas ??= services.GetRequiredService<Replicas>();

    private OverflowSettings Settings => _settings ??= services.GetRequiredService<OverflowSettings>();

    private static ModelKey? ModelOf(IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is null || !(metadata.TryGetValue(nameof(RouteMetadata.Model), out string? name) || metadata.TryGetValue("x-model", out name))) return null;
        return new ModelKey(name, 0);
    }

    private OverflowCandidate CandidateFor(string address, ModelKey model, long now) =>
        QueueAt(address, model, out Replica? replica) is { } queue
            ? queue.ToCandidate(now, IsAdmitted(replica!), isTried: false, replica!.Weight, replica.IsNear)
            : new OverflowCandidate(default, 0, 0, OverflowQuestion.Never, 0, IsTried: true);

    private static bool IsAdmitted(Replica replica) => !replica.IsSelf && replica.Http.State is not (HealthState.Ejected or HealthState.Cold);

    /// <summary>The first destination from a place on that is not this gateway, which would only see the request come round; there if all are.</summary>
    private DestinationState OtherFrom(IReadOnlyList<DestinationState> destinations, int place)
    {
        for (int i = 0; i < destinations.Count; i++)
        {
            DestinationState each = destinations[(place + i) % destinations.Count];
            if (!IsSelf(each.Model.Config.Address)) return each;
        }

        return destinations[place];
    }

    private bool IsSelf(string address)
    {
        foreach (Replica replica in Known.Fleet.Watched.Span)
        {
            if (replica.IsSelf && IsAt(replica, address)) return true;
        }

        return false;
    }

    private void Book(HttpContext context, string address, ModelKey model)
    {
        if (QueueAt(address, model, out _) is not { } queue) return;
        queue.Begin();
        context.Response.OnCompleted(static queue =>
        {
            ((RemoteQueue)queue).End();
            return Task.CompletedTask;
        }, queue);
    }

    private RemoteQueue? QueueAt(string address, ModelKey model, out Replica? at)
    {
        foreach (Replica replica in Known.Fleet.Watched.Span)
        {
            at = replica;
            if (IsAt(replica, address) && replica.Find(model) is { } queue) return queue;
        }

        at = null;
        return null;
    }

    private static bool IsAt(Replica replica, string address) => address.AsSpan().TrimEnd('/').SequenceEqual(replica.Address);
}
