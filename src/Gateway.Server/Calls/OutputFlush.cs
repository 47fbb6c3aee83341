using System.IO.Pipelines;
using Gateway.Protocol.Frames;

namespace Gateway.Server.Calls;

/// <summary>A flush of what a loop has written, which the loop does not wait for: it is woken when the client has taken it.</summary>
/// <remarks><b>Threading</b>: the loop's, but for the completion. <b>Cost</b>: no allocation a flush.</remarks>
internal sealed class OutputFlush
{
    private readonly PipeWriter _output;
    private readonly Action _onCompleted;
    private ValueTask<FlushResult> _flush;
    private volatile bool _isCompleted;

    /// <param name="wakes">The loop's signal.</param>
    public OutputFlush(PipeWriter output, AutoSignal wakes)
        : this(output, wakes.Set)
    {
    }

    /// <param name="wake">Has the loop look.</param>
    public OutputFlush(PipeWriter output, Action wake)
    {
        _output = output;
        _onCompleted = () =>
        {
            _isCompleted = true;
            wake();
        };
    }

    /// <summary>From <see cref="Begin"/> to <see cref="End"/>.</summary>
    public bool IsUnderWay { get; private set; }

    /// <summary>Whether one is to be ended.</summary>
    public bool IsCompleted => _isCompleted;

    /// <returns>Whether it is to be ended at once.</returns>
    public bool Begin()
    {
        IsUnderWay = true;
#pragma warning disable CA2012 // Consumed once, by End.
        _flush = _output.FlushAsync();
#pragma warning restore CA2012
        if (_flush.IsCompleted) return true;
        _flush.GetAwaiter().UnsafeOnCompleted(_onCompleted);
        return false;
    }

    /// <returns>False when nobody takes what is written any more.</returns>
    public bool End()
    {
        _isCompleted = false;
        IsUnderWay = false;
        try
        {
            return !_flush.GetAwaiter().GetResult().IsCompleted;
        }
#pragma warning disable CA1031 // What cannot be written to is gone, whatever the reason.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }
}
