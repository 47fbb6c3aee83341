using System.Collections.Concurrent;
using System.Text;

namespace Gateway.Core.Tenants;

/// <summary>All tenants, by name and by API key; a bounded number of them, whatever names clients say.</summary>
/// <remarks>
/// <b>Behaviour</b>: those that are configured are there from the start and for ever. With <see cref="UnknownTenants.Separate"/> others are added as they are named, and stay,
/// until the bound is reached; from then on new names are one tenant together, <see cref="OthersName"/>. <b>Threading</b>: any thread.
/// <b>Cost</b>: one look-up without allocation; a new tenant is a few hundred bytes.
/// </remarks>
public sealed class TenantDirectory
{
    public const string DefaultName = "default";

    /// <summary>Name of what exceeds the bound; not one that a client could say.</summary>
    public const string OthersName = "(others)";

    /// <summary>Tenants beyond those configured that are told apart, unless another bound is set.</summary>
    public const int DefaultMostTracked = 1024;

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

    /// <summary>All that there are at present, in the order in which they came.</summary>
    public IReadOnlyList<Tenant> All => Volatile.Read(ref _all);

    /// <summary>The tenant of requests that name none; null when such are refused, or there are no tenants.</summary>
    public Tenant? Unnamed => _unknown == UnknownTenants.Refuse ? null : _default;

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
        if (Volatile.Read(ref _others) is { } full) return full;
        lock (_lock)
        {
            if (_lookup.TryGetValue(name, out Tenant? tenant)) return tenant;
            if (_all.Length < _mostTracked) return AddUnderLock(name.ToString(), _default!.Limits);
            if (_others is null) Volatile.Write(ref _others, AddUnderLock(OthersName, _default!.Limits, isNamed: false));
            return _others;
        }
    }

    private Tenant AddUnderLock(string name, TenantLimits limits, bool isNamed = true)
    {
        Tenant tenant = new(name, _all.Length, limits, _time);
        if (isNamed && !_byName.TryAdd(name, tenant)) throw new ArgumentException($"tenant '{name}' is there twice", nameof(name));
        Volatile.Write(ref _all, [.. _all, tenant]);
        return tenant;
    }
}
