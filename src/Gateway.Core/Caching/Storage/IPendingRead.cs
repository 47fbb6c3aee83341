namespace Gateway.Core.Caching.Storage;

/// <summary>A read that waits for the disk.</summary>
internal interface IPendingRead
{
    /// <summary>Has somebody told of the outcome, on another thread; called once.</summary>
    /// <param name="receiver">Null when nobody wants to know any more.</param>
    void Complete(IReadReceiver? receiver);
}
