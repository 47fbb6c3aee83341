using System.Collections.Concurrent;
using System.Text;
using Gateway.Core.Scheduling;

namespace Gateway.Core.Tenants;

/// <summary>All tenants, by name and by API key; a bounded number of them, whatever names clients say.</summary>
/// <remarks>
/// <b>Behaviour</b>: those that are configured are there from the start and for ever. With <see cref="UnknownTenants.Separate"/> others are added as they are named, until the bound is reached. From then on a new
/// name takes the place of the one that has been silent for longest, if that is <see cref="ForgottenAfter"/> at least and it owes its rates nothing; while there is none, new names are one tenant together,
/// <see cref="OthersName"/>. <b>Threading</b>: any thread. A tenant that a request is in flight of stays.
/// <b>Cost</b>: one look-up without allocation; a new tenant is a few hundred bytes, and a look at all where it takes a place. A flood of names looks for a place once in <see cref="ForgottenAfter"/>, or as often as it finds one.
/// </remarks>
public sealed class TenantDirectory
{
    public const string DefaultName = "default";

    /// <summary>Name of what exceeds the bound; not one that a client could say.</summary>
    public const string OthersName = "(others)";

    /// <summary>Tenants beyond those configured that are told apart, unless another bound is set.</summary>
    public const int DefaultMostTracked = 1024;

    /// <summary>Silence after which a tenant that is not configured may have to make room for another.</summary>
    public static readonly TimeSpan ForgottenAfter = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, Tenant> _byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Tenant>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly ApiKeys _keys = new();
    private readonly Lock _lock = new();
    private readonly UnknownTenants _unknown;
    private readonly int _mostTracked;
    private readonly TimeProvider _time;
    private readonly Tenant? _default;
    private Tenant? _others;
    private Tenant[] _all = [];

    // Until then nobody that is tracked can make room; a timestamp.
    private long _fullUntil = long.MinValue;

    /// <param name="configured">By different names, and with different keys.</param>
    public TenantDirectory(IEnumerable<TenantSetup> configured, TenantLimits defaults, UnknownTenants unknown, int mostTracked, TimeProvider time)
    {
        _lookup = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        _unknown = unknown;
        _mostTracked = mostTracked;
        _time = time;
        IsOn = true;
        lock (_lock)
        {
            _default = AddUnderLock(DefaultName, defaults);
            foreach (TenantSetup setup in configured)
            {
                Tenant tenant = AddUnderLock(setup.Name, setup.Limits);
                foreach (byte[] hash in setup.KeyHashes)
                {
                    if (!_keys.TryAdd(hash, tenant)) throw new ArgumentException($"an API key of tenant '{setup.Name}' is another's too", nameof(configured));
                }
            }

            _mostTracked += _all.Length;
        }
    }

    private TenantDirectory()
    {
        _time = TimeProvider.System;
    }

    /// <summary>Of a server without tenants.</summary>
    public static TenantDirectory None { get; } = new();

    /// <summary>Whether requests have tenants at all.</summary>
    public bool IsOn { get; }

    public bool HasKeys => _keys.Count > 0;

    /// <summary>All that there are at present, by their numbers.</summary>
    public IReadOnlyList<Tenant> All => Volatile.Read(ref _all);

    /// <summary>The tenant of requests that name none; null when such are refused, or there are no tenants.</summary>
    public Tenant? Unnamed => _unknown == UnknownTenants.Refuse ? null : _default;

    /// <summary>Lets a request in, as <see cref="Tenant.TryEnter"/> does.</summary>
    /// <param name="tenant">Where that has been let go since it was looked up, who has its name now.</param>
    public bool TryEnter(ref Tenant tenant, out TenantRefusal refusal)
    {
        while (!tenant.TryEnter(out refusal))
        {
            if (refusal.Reason != RefusalReason.None) return false;

            // Looked up first: others may have been given its name meanwhile. Only where names are tracked is any let go.
            tenant = Find(tenant.Name)!;
        }

        return true;
    }

    /// <summary>The tenant that a key is of; null when it is nobody's.</summary>
    public Tenant? FindByKey(ReadOnlySpan<byte> utf8Key) => _keys.Find(utf8Key);

    /// <summary>The tenant of a name, which must be valid (<see cref="TenantName"/>).</summary>
    /// <returns>Null when it is unknown and such are refused.</returns>
    public Tenant? Find(ReadOnlySpan<char> name)
    {
        if (_lookup.TryGetValue(name, out Tenant? tenant)) return tenant;
        return _unknown switch
        {
            UnknownTenants.Share => _default,
            UnknownTenants.Separate => Track(name),
            _ => null,
        };
    }

    /// <summary>Likewise, of a name in UTF-8.</summary>
    public Tenant? Find(ReadOnlySpan<byte> utf8Name)
    {
        Span<char> name = stackalloc char[TenantName.MostBytes];
        return Find(name[..Encoding.ASCII.GetChars(utf8Name, name)]);
    }

    private Tenant Track(ReadOnlySpan<char> name)
    {
        // Read without the lock first: when the bound is reached, a flood of new names must not meet at a lock.
        if (Volatile.Read(ref _others) is { } full && _time.GetTimestamp() < Volatile.Read(ref _fullUntil)) return full;
        lock (_lock)
        {
            if (_lookup.TryGetValue(name, out Tenant? tenant)) return tenant;
            if (_all.Length < _mostTracked) return AddUnderLock(name.ToString(), _default!.Limits, isTracked: true);
            if (MakeRoomUnderLock() is { } gone)
            {
                tenant = new Tenant(name.ToString(), gone.Index, _default!.Limits, _time, isTracked: true);
                Volatile.Write(ref _all, [.. _all[..gone.Index], tenant, .. _all[(gone.Index + 1)..]]);
                _byName[tenant.Name] = tenant;
                return tenant;
            }

            if (_others is null) Volatile.Write(ref _others, AddUnderLock(OthersName, _default!.Limits, isNamed: false));
            return _others;
        }
    }

    /// <summary>Lets the tenant go that has been silent for longest; null when none has for long enough.</summary>
    private Tenant? MakeRoomUnderLock()
    {
        long now = _time.GetTimestamp();
        if (now < _fullUntil) return null;
        long silence = (long)(ForgottenAfter.TotalSeconds * _time.TimestampFrequency);
        while (true)
        {
            // Whoever is busy now is so for as long again at least.
            long earliest = now + silence;
            Tenant? first = null;
            foreach (Tenant tenant in _all)
            {
                if (!tenant.IsTracked || tenant.InFlight > 0 || tenant.MayGoAt(silence) is long at && at >= earliest) continue;
                (first, earliest) = (tenant, at);
            }

            if (first is null || earliest > now)
            {
                Volatile.Write(ref _fullUntil, earliest);
                return null;
            }

            // Out of sight first: whoever finds its name missing waits for the lock.
            _byName.TryRemove(first.Name, out _);
            if (first.TryLetGo()) return first;

            // A request has come in this moment.
            _byName[first.Name] = first;
        }
    }

    private Tenant AddUnderLock(string name, TenantLimits limits, bool isNamed = true, bool isTracked = false)
    {
        Tenant tenant = new(name, _all.Length, limits, _time, isTracked);
        Volatile.Write(ref _all, [.. _all, tenant]);
        if (isNamed && !_byName.TryAdd(name, tenant)) throw new ArgumentException($"tenant '{name}' is there twice", nameof(name));
        return tenant;
    }
}
