using Gateway.Server.Proxy.Destinations;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>What must hold of a cluster beyond what YARP asks.</summary>
internal static class ClusterRules
{
    private const string HashCookie = "HashCookie";

    public static void Check(ClusterConfig cluster, List<string> problems)
    {
        string at = $"ReverseProxy:Clusters:{cluster.ClusterId}";
        if (cluster.SessionAffinity is { Enabled: true } affinity && (affinity.Policy ?? HashCookie).Equals(HashCookie, StringComparison.OrdinalIgnoreCase))
        {
            // It needs System.IO.Hashing, which this build is without, and would fail with the first request.
            string said = affinity.Policy is null ? "'HashCookie', the default, is" : "'HashCookie' is";
            problems.Add($"{at}:SessionAffinity:Policy: {said} not supported (allowed Cookie, ArrCookie, CustomHeader)");
        }

        foreach ((string id, DestinationConfig destination) in cluster.Destinations ?? new Dictionary<string, DestinationConfig>())
        {
            if (string.IsNullOrEmpty(destination.Address)) problems.Add($"{at}:Destinations:{id}:Address: is missing");
            else if (DestinationAddress.Parse(destination.Address, out _) is { } problem) problems.Add($"{at}:Destinations:{id}:Address: {problem}");
        }
    }
}
