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
/// one that would answer first gets the request. Where none does, the same with the requests in flight instead. <b>Threading</b>: any. <b>Cost</b>: a look at each destination; no allocation but for the key.
/// </remarks>
internal sealed class PredictedCompletionPolicy(IServiceProvider services) : ILoadBalancingPolicy
{
    // Looked up when they are needed: a configuration is also checked where there are none.
    private Replicas? _replicas;
    private OverflowSettings? _settings;

    public string Name => "PredictedCompletion";

    public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        int count = Math.Min(availableDestinations.Count, OverflowPolicy.MostCandidates);
        if (count == 0) return null;
        ulong random = (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue);
        if (ModelOf(context.GetReverseProxyFeature().Route.Config.Metadata) is { } model)
        {
            Span<OverflowCandidate> candidates = stackalloc OverflowCandidate[OverflowPolicy.MostCandidates];
            long now = Settings.Now();
            for (int i = 0; i < count; i++) candidates[i] = CandidateFor(availableDestinations[i].Model.Config.Address, model, now);
            OverflowQuestion question = new(OverflowQuestion.Never, HasRoom: false, OverflowQuestion.Never, Floor: 0, Known.Hop);
            OverflowDecision decision = OverflowPolicy.Decide(question, candidates[..count], Known.Fleet.MaximumAge, random);
            if (decision.Kind == OverflowKind.Forward)
            {
                // Its report does not know of it before the next one.
                DestinationState chosen = availableDestinations[decision.Candidate];
                Book(context, chosen.Model.Config.Address, model);
                return chosen;
            }
        }

        DestinationState first = availableDestinations[(int)((uint)random % (uint)availableDestinations.Count)];
        DestinationState second = availableDestinations[(int)((uint)(random >> 32) % (uint)availableDestinations.Count)];
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
            ? queue.ToCandidate(now, isAdmitted: true, isTried: false, replica!.Weight, replica.IsNear)
            : new OverflowCandidate(default, 0, 0, OverflowQuestion.Never, 0, IsTried: true);

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
            if (address.AsSpan().TrimEnd('/').SequenceEqual(replica.Address) && replica.Find(model) is { } queue) return queue;
        }

        at = null;
        return null;
    }
}
