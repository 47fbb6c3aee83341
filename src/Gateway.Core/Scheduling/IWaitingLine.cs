namespace Gateway.Core.Scheduling;

/// <summary>Requests in order, in a <see cref="FirstHeap{T}"/> of such.</summary>
internal interface IWaitingLine
{
    /// <summary>The one to be served next.</summary>
    QueueEntry Head { get; }

    /// <summary>Position in the heap; the heap's own.</summary>
    int HeapIndex { get; set; }
}
