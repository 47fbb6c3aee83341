namespace Gateway.Core.Features.Storage;

internal enum FeatureWriteKind
{
    Put,
    Delete,

    /// <summary>All rows.</summary>
    Clear,
}
