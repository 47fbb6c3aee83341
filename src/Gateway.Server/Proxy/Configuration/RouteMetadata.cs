using System.Globalization;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Server.Proxy.Configuration;

/// <summary>What a route's metadata say: the words that YARP has none for.</summary>
/// <param name="Model">The model that answers the route's requests; null for the cluster alone.</param>
/// <param name="Version">Its version; 0 for the highest that is ready.</param>
/// <param name="MaxResponseBytes">Largest response that is passed on, in bytes; null for the server's default.</param>
/// <param name="BeforeInference">Whether the route is taken before the inference protocol looks at a request.</param>
/// <param name="KeepAuthorization">Whether the header with the server's own access token goes on to the upstream.</param>
internal sealed record RouteMetadata(string? Model, long Version, RouteProtocol Protocol, long? MaxResponseBytes, bool BeforeInference, bool KeepAuthorization)
{
    /// <summary>Names that begin so are anybody's.</summary>
    private const string ForeignPrefix = "x-";

    private static readonly string[] Names = [nameof(Model), nameof(Version), nameof(Protocol), nameof(MaxResponseBytes), nameof(BeforeInference), nameof(KeepAuthorization)];

    /// <param name="problems">Given everything that is wrong; what is wrong has its default in the result.</param>
    public static RouteMetadata Parse(RouteConfig route, List<string> problems)
    {
        string at = $"ReverseProxy:Routes:{route.RouteId}:Metadata";
        Dictionary<string, string> given = new(route.Metadata ?? new Dictionary<string, string>(), StringComparer.OrdinalIgnoreCase);
        foreach (string name in given.Keys)
        {
            // A limit that is misspelt and ignored is worse than none.
            if (name.StartsWith(ForeignPrefix, StringComparison.OrdinalIgnoreCase) || Names.Contains(name, StringComparer.OrdinalIgnoreCase)) continue;
            problems.Add($"{at}:{name}: unknown (allowed {string.Join(", ", Names)}, and names that begin with {ForeignPrefix})");
        }

        string? model = given.GetValueOrDefault(nameof(Model));
        if (model is { Length: 0 }) problems.Add($"{at}:Model: is empty");
        if (model is null && (given.ContainsKey(nameof(Version)) || given.ContainsKey(nameof(Protocol)))) problems.Add($"{at}: a Version or Protocol without a Model");
        return new RouteMetadata(
            model,
            Number(nameof(Version), 1) ?? 0,
            ParseProtocol(given.GetValueOrDefault(nameof(Protocol)), at, problems),
            Number(nameof(MaxResponseBytes), 1),
            Switch(nameof(BeforeInference)),
            Switch(nameof(KeepAuthorization)));

        long? Number(string name, long least)
        {
            if (!given.TryGetValue(name, out string? text)) return null;
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least) return number;
            problems.Add($"{at}:{name}: '{text}' is not valid (allowed a whole number, at least {least})");
            return null;
        }

        bool Switch(string name)
        {
            if (!given.TryGetValue(name, out string? text)) return false;
            if (bool.TryParse(text, out bool value)) return value;
            problems.Add($"{at}:{name}: '{text}' is not valid (allowed true, false)");
            return false;
        }
    }

    private static RouteProtocol ParseProtocol(string? text, string at, List<string> problems)
    {
        switch (text?.ToLowerInvariant())
        {
            case null or "oip":
                return RouteProtocol.Oip;
            case "msgpack":
                return RouteProtocol.MsgPack;
            case "tensorflow":
                return RouteProtocol.TensorFlow;
            default:
                problems.Add($"{at}:Protocol: '{text}' is not served (allowed oip, msgpack, tensorflow)");
                return RouteProtocol.Oip;
        }
    }
}
