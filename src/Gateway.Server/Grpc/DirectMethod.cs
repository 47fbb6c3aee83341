using System.Buffers;
using Gateway.Core.Scheduling;

namespace Gateway.Server.Grpc;

/// <summary>A method of one message each way, which is taken where its bytes are read, and whose answer is written where it is sent: nothing waits in between.</summary>
/// <remarks><b>Threading</b>: the connection's reader calls <see cref="Take"/> and <see cref="OnTime"/>, until the call is taken; its sender <see cref="Answer"/> or <see cref="Drop"/>, once.</remarks>
internal abstract class DirectMethod(string path) : GrpcMethod(path)
{
    /// <summary>More of a call's body has come.</summary>
    /// <param name="data">All of which is taken.</param>
    /// <param name="isEnd">Whether nothing follows.</param>
    /// <param name="runs">What the calling thread may run itself.</param>
    public abstract void Take(GrpcCall call, ReadOnlySequence<byte> data, bool isEnd, RunsHere runs);

    /// <summary>The time of a call may be over, of which a part has come.</summary>
    public abstract void OnTime(GrpcCall call);

    /// <summary>Writes the answer of a call that has been taken.</summary>
    public abstract void Answer(GrpcCall call);

    /// <summary>Gives back what an answered call holds, of which nobody wants to know any more.</summary>
    public abstract void Drop(GrpcCall call);
}
