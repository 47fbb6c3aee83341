namespace Gateway.Core.Features.Storage;

internal enum FeatureWriteKind
{
    Put,

    /// <summary>Put where nothing is that was there when the view was opened, no deletion either.</summary>
    PutMissing,
    Delete,

    /// <summary>All rows.</summary>
    Clear,
}
