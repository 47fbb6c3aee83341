using Gateway.Load.Carriers;

namespace Gateway.Load.Engine;

/// <summary>Brings a worker's calls to the server and the answers back. Sockets stand behind it; in tests, a queue whose theory is known.</summary>
/// <remarks><b>Threading</b>: the worker's own thread.</remarks>
internal interface ICallTransport : IDisposable
{
    /// <summary>When the last connection was lost and none was of use since, as a timestamp; 0 while there is one. One that is closed at once, without a word from the server, was of no use.</summary>
    long DownSince { get; }

    /// <summary>Why there is no connection, for people.</summary>
    string Trouble { get; }

    /// <summary>Most connections that there were at a time.</summary>
    int MostUp { get; }

    /// <summary>Calls that a connection may have at a time, as the server allows it; 0 where there is none to say.</summary>
    int Window { get; }

    /// <summary>Takes a call to be sent with the next <see cref="Flush"/>.</summary>
    /// <param name="call">What the sink is told when it ends.</param>
    /// <param name="timeoutMicroseconds">Time that the server has for it; where none is sent, ignored.</param>
    /// <returns>False when no connection has room.</returns>
    bool TrySend(int call, int payload, long timeoutMicroseconds);

    void Flush();

    /// <summary>Waits until something comes, at most until a timestamp, and tells the sink of every call that ended.</summary>
    void Wait(long until, ICallSink sink);

    /// <summary>Gives up a call that has no answer.</summary>
    void Abandon(int call);
}
