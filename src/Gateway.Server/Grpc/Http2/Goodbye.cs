using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>How a connection is ended without losing calls that are on their way: first it is said that the server stops, and then, when the client must have heard that, which call was the last one (RFC 9113, 6.8).</summary>
/// <remarks><b>Threading</b>: the reader's, but for <see cref="Begin"/> and <see cref="OnSecond"/>.</remarks>
internal sealed class Goodbye
{
    private volatile bool _isDue;
    private volatile bool _isAnnounced;
    private volatile bool _isHeard;

    /// <summary>Whether the server stops.</summary>
    public bool IsDue => _isDue;

    /// <summary>Whether the client knows which call was the last one: later ones are refused.</summary>
    public bool IsSaid { get; private set; }

    public void Begin() => _isDue = true;

    /// <summary>The client has answered the ping that was sent with the announcement.</summary>
    public void OnHeard() => _isHeard = true;

    /// <summary>A client that does not answer the ping has had its second.</summary>
    /// <returns>Whether there is more to say now.</returns>
    public bool OnSecond()
    {
        if (!_isAnnounced || _isHeard) return false;
        return _isHeard = true;
    }

    /// <summary>Says what is to be said by now.</summary>
    /// <returns>Whether there is something to send.</returns>
    public bool Say(ControlFrames control, int lastStream)
    {
        if (!_isDue || IsSaid) return false;
        bool isFirst = !_isAnnounced;
        if (isFirst)
        {
            control.GoAway(int.MaxValue, ErrorCodes.NoError);
            control.Add(FrameType.Ping, 0, 0, Liveness.GoodbyePing);
            _isAnnounced = true;
        }

        if (!_isHeard) return isFirst;
        IsSaid = true;
        control.GoAway(lastStream, ErrorCodes.NoError);
        return true;
    }
}
