using System.Collections.Concurrent;
using System.Globalization;
using Gateway.Core.Tenants;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.Overflow;

/// <summary>The other gateways that ask this one how loaded it is: what says it comes from one of them does.</summary>
/// <remarks><b>Behaviour</b>: whoever may ask may forward; who has not asked for a time is forgotten. <b>Threading</b>: any. <b>Cost</b>: of calls that nobody has forwarded, a look for a header.</remarks>
internal sealed class Watchers(GatewayIdentity identity, OverflowSettings settings)
{
    // Twenty watch each, by the rule of who watches whom; and all that have been started anew of late.
    private const int Most = 1024;
    private const long Forgotten = 60_000_000;
    private const int MostMilliseconds = 60_000;

    // Who has not asked for so long does not watch it any more: two seconds, or a few of its own periods.
    private const long Watching = 2_000_000;
    private const int WatchingPeriods = 4;

    // As many as twenty send over both transports when this gateway starts, and then one a second.
    private const int MostWarmUps = 40;
    private const double WarmUpsPerSecond = 1;

    private readonly TokenBucket _warmUps = new(WarmUpsPerSecond, MostWarmUps, settings.Time.TimestampFrequency);
    private readonly ConcurrentDictionary<string, Watcher> _known = new(StringComparer.Ordinal);

    /// <summary>Whether any has asked of late.</summary>
    public bool IsAny => Period > TimeSpan.Zero;

    /// <summary>The longest time between two questions of one that watches now; zero for none.</summary>
    public TimeSpan Period
    {
        get
        {
            long now = settings.Now();
            long longest = 0;
            foreach ((_, Watcher watcher) in _known)
            {
                if (now - watcher.AskedAt < Math.Max(Watching, WatchingPeriods * watcher.Period)) longest = Math.Max(longest, watcher.Period);
            }

            return TimeSpan.FromMicroseconds(longest);
        }
    }

    /// <summary>One has asked.</summary>
    /// <param name="headers">Of its question, which say who it is.</param>
    public void Note(IHeaderDictionary headers)
    {
        if (headers[OverflowHeaders.Origin].ToString() is not { Length: GatewayIdentity.TextLength } instance) return;
        long now = settings.Now();
        if (_known.Count >= Most && !_known.ContainsKey(instance))
        {
            // Not who is new: anybody could have it that a gateway is never known.
            _known.TryRemove(_known.MinBy(each => each.Value.AskedAt).Key, out _);
        }

        bool hasPeriod = int.TryParse(headers[OverflowHeaders.PollPeriod].ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out int milliseconds);
        _known[instance] = new Watcher(now, hasPeriod ? 1000L * Math.Clamp(milliseconds, 1, MostMilliseconds) : (long)settings.PollPeriod.TotalMicroseconds);
    }

    /// <summary>Whether a request has been forwarded by one of them, or by this gateway itself.</summary>
    public bool Have(IHeaderDictionary headers)
    {
        if (!headers.TryGetValue(OverflowHeaders.Origin, out var origin)) return false;
        string instance = origin.ToString();
        return instance == identity.InstanceText || (_known.TryGetValue(instance, out Watcher watcher) && settings.Now() - watcher.AskedAt < Forgotten);
    }

    /// <summary>Lets one of their warm-ups in as nobody's, unless there have been many: anybody who may ask this gateway could call a request one.</summary>
    public bool TryWarmUp() => _warmUps.TryTake(settings.Time.GetTimestamp(), out _);

    /// <param name="AskedAt">Microseconds.</param>
    /// <param name="Period">Microseconds.</param>
    private readonly record struct Watcher(long AskedAt, long Period);
}
