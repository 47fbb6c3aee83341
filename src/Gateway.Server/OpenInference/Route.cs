using System.Globalization;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.OpenInference;

/// <summary>A request target, taken apart.</summary>
/// <remarks>
/// Matching is by the whole path, case-sensitive and on the raw target, as in Triton: no trailing slash, the query is ignored. A model's name may be
/// percent-encoded, which Triton does not decode. <b>Cost</b>: no allocation unless the name is encoded.
/// </remarks>
internal readonly ref struct Route
{
    private Route(RouteKind kind, ReadOnlySpan<char> model = default, ReadOnlySpan<char> version = default, ReadOnlySpan<char> key = default)
    {
        Key = key;
        Kind = kind;
        Model = model;
        VersionText = version;
    }

    public RouteKind Kind { get; }

    /// <summary>The name of the model, the region of shared memory or the feature view, decoded; empty when the route has none.</summary>
    public ReadOnlySpan<char> Model { get; }

    /// <summary>The version's digits; empty when the path names none.</summary>
    public ReadOnlySpan<char> VersionText { get; }

    /// <summary>The key of a feature view's row, decoded; empty when the route has none.</summary>
    public ReadOnlySpan<char> Key { get; }

    public bool HasVersion => VersionText.Length > 0;

    /// <summary>What a request is for, by its target as it was sent.</summary>
    public static Route Of(HttpContext context) => Parse(TargetOf(context));

    public static string TargetOf(HttpContext context) => context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;

    public static Route Parse(string rawTarget)
    {
        ReadOnlySpan<char> path = PathOf(rawTarget);
        if (!path.StartsWith("/v2")) return new Route(RouteKind.Foreign);
        path = path[3..];
        if (path.Length == 0) return new Route(RouteKind.ServerMetadata);
        if (path[0] != '/') return new Route(RouteKind.Foreign);
        if (path.StartsWith("/models/")) return ParseModel(path["/models/".Length..]);
        if (path.StartsWith("/repository/")) return ParseRepository(path["/repository/".Length..]);
        if (path.StartsWith("/features/")) return ParseFeatures(path["/features/".Length..]);
        if (path.StartsWith("/systemsharedmemory")) return ParseMemory(path["/systemsharedmemory".Length..], RouteKind.SystemMemoryStatus, RouteKind.SystemMemoryRegister, RouteKind.SystemMemoryUnregister);
        if (path.StartsWith("/cudasharedmemory")) return ParseMemory(path["/cudasharedmemory".Length..], RouteKind.CudaMemoryStatus, RouteKind.CudaMemoryRegister, RouteKind.CudaMemoryUnregister);
        return new Route(path switch
        {
            "/health/live" => RouteKind.Live,
            "/health/ready" => RouteKind.Ready,
            "/cache" => RouteKind.Cache,
            "/features" => RouteKind.Features,
            "/trace/setting" => RouteKind.TraceSetting,
            "/logging" => RouteKind.Logging,
            _ => RouteKind.Unknown,
        });
    }

    /// <summary>The version asked for; 0 when the path names none.</summary>
    /// <exception cref="InferenceException">The digits are too many for a version.</exception>
    public long Version()
    {
        if (!HasVersion) return 0;
        if (long.TryParse(VersionText, NumberStyles.None, CultureInfo.InvariantCulture, out long version)) return version;
        throw new InferenceException(
            StatusCode.InvalidArgument,
            $"failed to get model version from specified version string '{VersionText}' (details: stol), version should be an integral value > 0");
    }

    private static Route ParseModel(ReadOnlySpan<char> rest)
    {
        ReadOnlySpan<char> name = TakeSegment(ref rest);
        ReadOnlySpan<char> version = default;
        if (rest.StartsWith("/versions/"))
        {
            rest = rest["/versions/".Length..];
            version = TakeSegment(ref rest);
            if (version.Length == 0 || version.ContainsAnyExceptInRange('0', '9')) return new Route(RouteKind.Unknown);
        }

        RouteKind kind = rest switch
        {
            "" => RouteKind.ModelMetadata,
            "/ready" => RouteKind.ModelReady,
            "/infer" => RouteKind.Infer,
            "/cache" => RouteKind.ModelCache,
            "/generate" => RouteKind.Generate,
            "/generate_stream" => RouteKind.GenerateStream,
            "/config" => RouteKind.ModelConfig,
            "/stats" => RouteKind.ModelStatistics,
            "/trace/setting" when version.Length == 0 => RouteKind.ModelTraceSetting,
            _ => RouteKind.Unknown,
        };
        if (name.Length == 0) kind = RouteKind.Unknown;

        // The statistics of all models have this path; a model of that name is reached by its version.
        if (kind == RouteKind.ModelMetadata && name is "stats" && version.Length == 0) return new Route(RouteKind.Statistics);
        return new Route(kind, Decode(name), version);
    }

    /// <summary><c>[repository/]index</c> and <c>[repository/]models/{m}/load</c> or <c>unload</c>.</summary>
    private static Route ParseRepository(ReadOnlySpan<char> rest)
    {
        if (rest is "index") return new Route(RouteKind.RepositoryIndex);
        bool isNamed = !rest.StartsWith("models/");
        if (isNamed)
        {
            if (TakeSegment(ref rest).Length == 0 || rest.Length == 0) return new Route(RouteKind.Unknown);
            rest = rest[1..];
            if (rest is "index") return new Route(RouteKind.RepositoryIndex);
            if (!rest.StartsWith("models/")) return new Route(RouteKind.Unknown);
        }

        rest = rest["models/".Length..];
        ReadOnlySpan<char> name = TakeSegment(ref rest);
        RouteKind kind = rest switch
        {
            _ when name.Length == 0 => RouteKind.Unknown,
            "/load" => isNamed ? RouteKind.NamedRepository : RouteKind.RepositoryLoad,
            "/unload" => isNamed ? RouteKind.NamedRepository : RouteKind.RepositoryUnload,
            _ => RouteKind.Unknown,
        };
        return new Route(kind, Decode(name));
    }

    /// <summary><c>{view}</c>, and <c>/rows</c>, <c>/rows/{key}</c>, <c>/lookup</c> or <c>/delete</c>.</summary>
    private static Route ParseFeatures(ReadOnlySpan<char> rest)
    {
        ReadOnlySpan<char> view = TakeSegment(ref rest);
        ReadOnlySpan<char> key = rest.StartsWith("/rows/") ? rest["/rows/".Length..] : default;
        RouteKind kind = rest switch
        {
            _ when view.Length == 0 => RouteKind.Unknown,
            "" => RouteKind.FeatureView,
            "/rows" => RouteKind.FeatureRows,
            "/lookup" => RouteKind.FeatureLookup,
            "/delete" => RouteKind.FeatureDelete,
            _ when key.Length > 0 && !key.Contains('/') => RouteKind.FeatureRow,
            _ => RouteKind.Unknown,
        };
        return new Route(kind, Decode(view), key: Decode(key));
    }

    /// <summary><c>[/region/{n}]/</c> and <c>status</c>, <c>register</c> or <c>unregister</c>.</summary>
    private static Route ParseMemory(ReadOnlySpan<char> rest, RouteKind status, RouteKind register, RouteKind unregister)
    {
        ReadOnlySpan<char> name = default;
        if (rest.StartsWith("/region/"))
        {
            rest = rest["/region/".Length..];
            name = TakeSegment(ref rest);
            if (name.Length == 0) return new Route(RouteKind.Unknown);
        }

        RouteKind kind = rest switch
        {
            "/status" => status,
            "/register" => register,
            "/unregister" => unregister,
            _ => RouteKind.Unknown,
        };
        return new Route(kind, Decode(name));
    }

    private static ReadOnlySpan<char> Decode(ReadOnlySpan<char> name) => name.Contains('%') ? Uri.UnescapeDataString(name) : name;

    private static ReadOnlySpan<char> TakeSegment(scoped ref ReadOnlySpan<char> rest)
    {
        int end = rest.IndexOf('/');
        if (end < 0) end = rest.Length;
        ReadOnlySpan<char> segment = rest[..end];
        rest = rest[end..];
        return segment;
    }

    private static ReadOnlySpan<char> PathOf(ReadOnlySpan<char> target)
    {
        int query = target.IndexOf('?');
        if (query >= 0) target = target[..query];
        if (target.StartsWith('/')) return target;

        // A proxy sends the absolute form: scheme, authority, path.
        int authority = target.IndexOf("://");
        if (authority < 0) return default;
        target = target[(authority + 3)..];
        int path = target.IndexOf('/');
        return path < 0 ? default : target[path..];
    }
}
