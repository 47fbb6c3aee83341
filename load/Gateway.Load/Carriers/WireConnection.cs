namespace Gateway.Load.Carriers;

/// <summary>What is spoken on one connection: requests in, bytes out; bytes in, answers out. No sockets, no clock.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: implementations allocate nothing a call once their buffers have grown.</remarks>
internal abstract class WireConnection
{
    /// <summary>Whether another call may be sent now.</summary>
    public abstract bool HasRoom { get; }

    /// <summary>Whether the server, or what was abandoned, asks for a new connection; it is closed once nothing is in flight.</summary>
    public bool MustClose { get; protected set; }

    public abstract int InFlight { get; }

    /// <summary>Most calls in flight, as far as the server has said what it allows.</summary>
    public virtual int Window => 1;

    /// <summary>Begins on a new connection: forgets the last one, and writes what comes first.</summary>
    public virtual void Open(OutputBuffer output) => MustClose = false;

    /// <summary>Writes a call; only when there is room.</summary>
    /// <param name="timeoutMicroseconds">What is left of the call's time; used when the request was encoded with room for it.</param>
    public abstract void Write(int call, EncodedRequest request, long timeoutMicroseconds, OutputBuffer output);

    /// <summary>Takes whole messages from what was received, and tells the sink of the calls that they end.</summary>
    /// <param name="received">All that is not taken yet.</param>
    /// <param name="output">For what the protocol itself has to answer.</param>
    /// <returns>Bytes taken.</returns>
    /// <exception cref="InvalidDataException">It is not the protocol's.</exception>
    public abstract int Read(Span<byte> received, OutputBuffer output, ICallSink sink);

    /// <summary>Takes an answer that nothing but the end of the connection ends.</summary>
    /// <param name="received">All that is not taken yet; nothing comes after it.</param>
    /// <returns>False when there is none: the connection broke.</returns>
    public virtual bool TryEnd(Span<byte> received, ICallSink sink) => false;

    /// <summary>Bytes that the next message is known to take; the buffer is made as large.</summary>
    public virtual int Wanted => 0;

    /// <summary>Ends every call in flight, with the same answer.</summary>
    public abstract void EndAll(in CallAnswer answer, ICallSink sink);

    /// <summary>Gives up a call: its answer is not waited for.</summary>
    /// <param name="output">For what the server is told of it.</param>
    /// <returns>False when it is not on this connection.</returns>
    public abstract bool TryAbandon(int call, OutputBuffer output);
}
