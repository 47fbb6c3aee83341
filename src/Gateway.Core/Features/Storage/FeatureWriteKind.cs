namespace Gateway.Core.Features.Storage;

internal enum FeatureWriteKind
{
    Put,

    /// <summary>Put where nothing is that was there when the view was opened and has a higher order than <see cref="FeatureWrite.Since"/>, no deletion either.</summary>
    PutMissing,
    Delete,

    /// <summary>All rows.</summary>
    Clear,
}
