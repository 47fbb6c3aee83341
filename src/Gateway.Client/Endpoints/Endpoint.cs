using Gateway.Client.Calls;

namespace Gateway.Client.Endpoints;

/// <summary>One server, by one carrier.</summary>
internal abstract class Endpoint : IAsyncDisposable
{
    /// <summary>Whether calls are best made here: it is connected, or has not failed lately.</summary>
    public abstract bool IsReady { get; }

    /// <summary>Calls in flight and waiting, about.</summary>
    public abstract int Load { get; }

    /// <summary>Begins to connect, where that is done ahead.</summary>
    public abstract void Start();

    /// <summary>Takes a call, which it ends.</summary>
    public abstract void Submit(PendingCall call);

    public abstract ValueTask DisposeAsync();
}
