using Gateway.Core.Memory;

namespace Gateway.Server.Calls;

/// <summary>One of the calls that a connection or a stream has in flight, from its message to its answer; used again for the next.</summary>
/// <remarks><b>Threading</b>: the reader opens it, whoever answers its request hands it to the sender, which writes and closes it.</remarks>
internal abstract class PipelinedCall<TSelf> : RequestFlight, ILinked<TSelf>
    where TSelf : PipelinedCall<TSelf>
{
    public bool IsOpen { get; set; }

    /// <summary>What it counts for in the window's bound in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>An answer that was written aside, because it could not leave yet, and its length.</summary>
    public MemoryBlock? Aside { get; set; }

    public int AsideBytes { get; set; }

    /// <summary>Links calls that have been answered.</summary>
    public TSelf? Next { get; set; }
}
