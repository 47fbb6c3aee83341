using Gateway.Protocol.Http2;

namespace Gateway.Server.Grpc.Http2;

/// <summary>Gives up a connection that keeps the server busy with nothing.</summary>
/// <remarks>
/// <b>Behaviour</b>: a client may reset as many calls as are answered, and <see cref="ResetsASecond"/> more, and send so many frames that bring nothing.
/// <b>Threading</b>: the connection's reader, and a timer's.
/// </remarks>
internal sealed class FloodGuard
{
    private const int ResetsASecond = 1000;
    private const int MostResets = 4 * ResetsASecond;
    private const int IdleFramesASecond = 10_000;

    // Each may change the windows of a thousand streams. Clients that measure their links send a few a second.
    private const int SettingsWeight = 100;

    private int _resets = MostResets;
    private int _idleFrames = IdleFramesASecond;

    /// <summary>A call was given up by the client, or refused.</summary>
    /// <exception cref="Http2Exception">There are too many.</exception>
    public void OnReset()
    {
        if (Interlocked.Decrement(ref _resets) < 0) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, "calls are reset, and reset again");
    }

    public void OnAnswered()
    {
        if (_resets < MostResets) Interlocked.Increment(ref _resets);
    }

    /// <summary>A frame brings nothing.</summary>
    /// <exception cref="Http2Exception">There are too many.</exception>
    public void OnIdleFrame() => OnIdleFrames(1);

    /// <summary>Likewise, settings, which bring work.</summary>
    public void OnSettings() => OnIdleFrames(SettingsWeight);

    private void OnIdleFrames(int weight)
    {
        if (Interlocked.Add(ref _idleFrames, -weight) < 0) throw new Http2Exception(ErrorCodes.EnhanceYourCalm, "frames that bring nothing, again and again");
    }

    /// <summary>A second has passed.</summary>
    public void OnSecond()
    {
        Volatile.Write(ref _idleFrames, IdleFramesASecond);
        Interlocked.Add(ref _resets, Math.Min(ResetsASecond, MostResets - Volatile.Read(ref _resets)));
    }
}
