using System.Net.Sockets;
using Gateway.Core.Timing;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Gateway.Server.Calls;

/// <summary>When the bytes of a connection came, read or not.</summary>
/// <remarks><b>Threading</b>: one thread at a time. <b>Cost</b>: a call of the kernel's for a read that may have left something behind; no allocation.</remarks>
internal sealed class Arrivals(ConnectionContext connection)
{
    // Kestrel's transport reads into blocks of 4 KiB of which at least half is free.
    private const int FullRead = 2048;

    // What lies encrypted in the socket is not as many bytes of ours.
    private readonly Socket? _socket = connection.Features.Get<ITlsHandshakeFeature>() is null ? connection.Features.Get<IConnectionSocketFeature>()?.Socket : null;
    private readonly ArrivalCurve _curve = new();

    private readonly long _ticksATick = TimeProvider.System.TimestampFrequency / TimeSpan.TicksPerSecond;

    // Bytes read so far, those in hand included, and how many of those in hand are left.
    private long _read;
    private long _left;

    /// <summary>When the last read was.</summary>
    public long ReadAt { get; private set; }

    /// <summary>Something was read.</summary>
    /// <param name="inHand">Bytes that there are to take now, those that a read before had left included.</param>
    /// <param name="wasThere">Whether it lay here before it was asked for.</param>
    public void Read(long now, long inHand, bool wasThere)
    {
        long before = ReadAt;
        ReadAt = now;
        long came = inHand - _left;
        if (came == 0) return;

        // What fills a buffer may have more behind it, which only the kernel knows; what does not, and was waited for, came just now, but for what the read itself has waited for a thread.
        int unread = came >= FullRead && _socket is not null ? _socket.Available : 0;
        if (unread == 0 && !wasThere) _curve.Add(Math.Max(before, now - (PoolDelay.Recent() / 2).Ticks * _ticksATick), _read);
        _read += came;
        _left = inHand;
        _curve.Add(now, _read + unread);
    }

    /// <summary>Bytes in hand have been taken.</summary>
    /// <param name="left">Those that are left.</param>
    public void Took(long left) => _left = left;

    /// <summary>When the first byte that is left came.</summary>
    public long NextCame() => _curve.ArrivedAt(_read - _left);
}
