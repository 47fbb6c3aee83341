using Yarp.ReverseProxy.Model;

namespace Gateway.Server.Proxy.Resilience;

/// <summary>One request on its way through a cluster's guards, over all of its attempts.</summary>
internal sealed class Attempt(HttpRequestMessage request, ProxyCall call)
{
    private readonly IReverseProxyFeature? _proxy = call.Context.Features.Get<IReverseProxyFeature>();
    private HashSet<DestinationState>? _tried;

    public HttpRequestMessage Request => request;

    /// <summary>Whether the method is idempotent and the body there to be sent again.</summary>
    public bool IsRepeatable { get; set; }

    public bool IsClientGone => call.Context.RequestAborted.IsCancellationRequested;

    /// <summary>Where it goes now; empty where YARP did not choose.</summary>
    public string DestinationId => _proxy?.ProxiedDestination?.DestinationId ?? "";

    /// <summary>Goes to another destination that is available, at random among those not tried yet; stays where there is none, or where sessions stay.</summary>
    public void MoveOn()
    {
        if (_proxy is not { ProxiedDestination: { } last } || _proxy.Cluster.Config.SessionAffinity is { Enabled: true }) return;
        (_tried ??= []).Add(last);
        IReadOnlyList<DestinationState> available = _proxy.Route.Cluster?.DestinationsState.AvailableDestinations ?? [];
        DestinationState? next = null;
        int untried = 0;
        for (int i = 0; i < available.Count; i++)
        {
            if (_tried.Contains(available[i])) continue;
            untried++;
#pragma warning disable CA5394 // Spreads load; nothing is kept secret by it.
            if (Random.Shared.Next(untried) == 0) next = available[i];
#pragma warning restore CA5394
        }

        if (next is null || !TryRebase(last.Model.Config.Address, next.Model.Config.Address)) return;
        if (request.Headers.Host == last.Model.Config.Host) request.Headers.Host = next.Model.Config.Host;
        _proxy.ProxiedDestination = next;
    }

    /// <summary>A transform may have sent it somewhere else altogether; then it stays there.</summary>
    private bool TryRebase(string from, string to)
    {
        string uri = request.RequestUri!.AbsoluteUri;
        string root = new Uri(from).AbsoluteUri.TrimEnd('/');
        if (!uri.StartsWith(root, StringComparison.Ordinal)) return false;

        // The path stays as it is, escapes and all.
        request.RequestUri = new Uri(new Uri(to).AbsoluteUri.TrimEnd('/') + uri[root.Length..], new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        return true;
    }
}
