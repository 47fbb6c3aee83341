namespace Gateway.Server.OpenInference;

/// <summary>What a path of the protocol asks for.</summary>
internal enum RouteKind
{
    /// <summary>Not a path of this protocol: somebody else's.</summary>
    Foreign,

    /// <summary>Under <c>/v2</c>, but nothing is there.</summary>
    Unknown,
    ServerMetadata,
    Live,
    Ready,
    ModelMetadata,
    ModelReady,
    Infer,

    /// <summary>All that is in the cache.</summary>
    Cache,

    /// <summary>What is in it of one model.</summary>
    ModelCache,
}
