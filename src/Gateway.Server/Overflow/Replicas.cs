using Gateway.Core.Overflow.Replicas;

namespace Gateway.Server.Overflow;

/// <summary>The replicas as they are configured now.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
internal sealed class Replicas(OverflowSettings settings, GatewayIdentity identity)
{
    // What is taken until it has been measured: a millisecond less what the two ends take.
    private const long FirstHop = 800;
    private const int HopSmoothing = 16;
    private const long MostHop = 5000;

    private readonly Lock _lock = new();
    private long _hop = FirstHop;

    public Fleet Fleet { get; } = new((long)settings.MaximumAge.TotalMicroseconds, (uint)identity.Instance);

    /// <summary>What the way to a replica and back takes, in microseconds.</summary>
    public long Hop => Volatile.Read(ref _hop);

    /// <summary>Told after the members have changed.</summary>
    public event Action? Changed;

    /// <summary>Told of a replica that is to be asked at once.</summary>
    public event Action<Replica>? Asked;

    /// <summary>Has a replica asked at once how loaded it is.</summary>
    public void Ask(Replica replica) => Asked?.Invoke(replica);

    /// <summary>Sets the members. Those that were members, and are configured as they were, go on as they are.</summary>
    public void Set(IReadOnlyList<ReplicaSetup> members)
    {
        lock (_lock)
        {
            Dictionary<string, Replica> before = Fleet.Watched.ToArray().ToDictionary(replica => replica.Address, StringComparer.Ordinal);
            Fleet.Set([.. members.DistinctBy(member => member.Address).Select(member =>
                before.TryGetValue(member.Address, out Replica? known) && known.Weight == member.Weight && known.IsNear == member.IsNear && known.FixedGrpcAddress == member.GrpcAddress && known.Host == member.Host
                    ? known
                    : new Replica(member.Address, warmsUp: true) { Weight = member.Weight, IsNear = member.IsNear, FixedGrpcAddress = member.GrpcAddress, Host = member.Host, MaximumAge = Fleet.MaximumAge })]);
        }

        Changed?.Invoke();
    }

    /// <summary>A replica was asked and has answered.</summary>
    /// <param name="time">Microseconds between the two.</param>
    /// <remarks>One slow replica must not make all look far away: its own predictions, and hops that time out, say what it is.</remarks>
    public void NoteRoundTrip(long time) => Volatile.Write(ref _hop, Hop + ((Math.Min(time, MostHop) - Hop) / HopSmoothing));
}
