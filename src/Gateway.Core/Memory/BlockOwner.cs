namespace Gateway.Core.Memory;

/// <summary>What a block was rented for, so that a leak names its culprit.</summary>
public enum BlockOwner
{
    /// <summary>Bytes of a request body that have to lie together to be read.</summary>
    Body,

    /// <summary>Tensors of one request.</summary>
    RequestTensors,

    /// <summary>Outputs put together for one request: rejoined rows, strings.</summary>
    ResponseTensors,

    /// <summary>Input rows of a batch.</summary>
    InputSlab,

    /// <summary>Output rows of a batch.</summary>
    OutputSlab,

    /// <summary>An answer from the cache, or on its way into it.</summary>
    CachedAnswer,
}
