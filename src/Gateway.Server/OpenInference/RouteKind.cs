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

    /// <summary>All feature views.</summary>
    Features,

    /// <summary>What a view is.</summary>
    FeatureView,

    /// <summary>The row of one key.</summary>
    FeatureRow,

    /// <summary>Rows of many keys, to put; or all of them, to delete.</summary>
    FeatureRows,

    /// <summary>Rows of many keys, to get.</summary>
    FeatureLookup,

    /// <summary>Likewise, to delete.</summary>
    FeatureDelete,

    Generate,
    GenerateStream,
    ModelConfig,
    ModelStatistics,

    /// <summary>Of all models.</summary>
    Statistics,
    RepositoryIndex,
    RepositoryLoad,
    RepositoryUnload,

    /// <summary>Loading and unloading in a repository that the path names, which is not supported.</summary>
    NamedRepository,
    TraceSetting,
    ModelTraceSetting,
    Logging,

    /// <summary>Of the system's shared memory, one region's or all.</summary>
    SystemMemoryStatus,
    SystemMemoryRegister,
    SystemMemoryUnregister,

    /// <summary>Of a CUDA device's, likewise.</summary>
    CudaMemoryStatus,
    CudaMemoryRegister,
    CudaMemoryUnregister,
}
