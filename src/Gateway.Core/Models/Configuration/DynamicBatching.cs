namespace Gateway.Core.Models.Configuration;

/// <summary>The dynamic batcher's settings for one model.</summary>
public sealed record DynamicBatching
{
    /// <summary>The most priority levels a model may have: each is a queue of its own. A limit of this server, Triton has none.</summary>
    public const int MaxPriorityLevels = 1000;

    /// <summary>Batch sizes, in rows, that are sent at once when reached; completion sets an empty list to the maximum batch size.</summary>
    public IReadOnlyList<int> PreferredBatchSizes { get; init; } = [];

    /// <summary>How long the oldest request may wait for others, counted from its arrival; zero sends what is there as soon as an instance is free.</summary>
    public TimeSpan MaxQueueDelay { get; init; }

    /// <summary>Whether responses leave in the order their requests came.</summary>
    public bool PreserveOrdering { get; init; }

    /// <summary>Number of priority levels, 1 being the highest; 0 when the model has a single queue.</summary>
    public int PriorityLevels { get; init; }

    /// <summary>The level of a request that names none or one out of range; 0 exactly when <see cref="PriorityLevels"/> is 0.</summary>
    public int DefaultPriorityLevel { get; init; }

    /// <summary>Policy of every level that has none of its own.</summary>
    public QueuePolicy DefaultQueuePolicy { get; init; } = new();

    /// <summary>Policies of single levels, by level.</summary>
    public IReadOnlyDictionary<int, QueuePolicy> PriorityQueuePolicies { get; init; } = new Dictionary<int, QueuePolicy>();
}
