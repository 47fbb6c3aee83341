namespace Gateway.Core.Requests;

/// <summary>Where a request is in its life; the names are Triton's.</summary>
public enum RequestState
{
    /// <summary>Being filled by the protocol endpoint, which owns it.</summary>
    Initialized,

    /// <summary>Accepted and waiting; the batcher owns it.</summary>
    Pending,

    /// <summary>All of its rows are in batches; the batcher owns it.</summary>
    Executing,

    /// <summary>Answered, with outputs or an error; the protocol endpoint owns it again.</summary>
    Released,
}
