namespace Gateway.Core.Scheduling;

/// <summary>Says which links of an entry a tree uses.</summary>
internal interface ITreePlace
{
    static abstract ref TreeLinks Links(QueueEntry entry);
}

/// <summary>Those of the bucket that the entry waits in.</summary>
internal readonly struct BucketPlace : ITreePlace
{
    public static ref TreeLinks Links(QueueEntry entry) => ref entry.InBucket;
}

/// <summary>Those of its tenant's lane.</summary>
internal readonly struct LanePlace : ITreePlace
{
    public static ref TreeLinks Links(QueueEntry entry) => ref entry.InLane;
}
