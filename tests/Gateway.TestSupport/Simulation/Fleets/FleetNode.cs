using Gateway.Core.Overflow;
using Gateway.Core.Overflow.Replicas;
using Gateway.Core.Overflow.Reports;

namespace Gateway.TestSupport.Simulation.Fleets;

/// <summary>One replica: its server, and what it knows of the others.</summary>
internal sealed class FleetNode
{
    private readonly FleetSetup _setup;
    private readonly Replica[] _others;
    private uint _sequence;

    public FleetNode(FleetSetup setup, int index)
    {
        _setup = setup;
        Index = index;
        Server = new FleetServer(setup.Server) { Slowness = setup.HasSlowNode && index == 0 ? 5 : 1 };
        Random = new SeededRandom((ulong)((setup.Seed * 1_000_003L) + index));
        Bursts = new SeededRandom((ulong)((setup.Seed * 9_000_011L) + index));
        Arrivals = new SeededRandom((ulong)((setup.Seed * 7_000_003L) + index));
        Fleet = new Fleet(3 * setup.Poll, (uint)index);
        Kept = new RecentKeys(setup.Kept - (setup.Kept / 10));
        Near = new RecentKeys(setup.Kept / 10);
        _others = new Replica[setup.Nodes];
        InFlight = new int[setup.Nodes];
        Restart();
    }

    public static ModelKey Model { get; } = new("digits", 0);

    public int Index { get; }

    public FleetServer Server { get; }

    public SeededRandom Random { get; }

    public SeededRandom Arrivals { get; }

    public SeededRandom Bursts { get; }

    public Fleet Fleet { get; private set; }

    public int[] InFlight { get; }

    /// <summary>What was computed here.</summary>
    public RecentKeys Kept { get; }

    /// <summary>What others have answered.</summary>
    public RecentKeys Near { get; }

    /// <summary>What is being computed here, and who else waits for it.</summary>
    public Dictionary<int, List<FleetServer.Waiting>> Flights { get; } = [];

    /// <summary>Where the turn is, of <see cref="RoutingKind.RoundRobin"/>.</summary>
    public int Turn { get; set; }

    /// <summary>Requests that are on their way to it.</summary>
    public int Coming { get; set; }

    public ReplicaState State { get; set; } = ReplicaState.Serving;

    /// <summary>Whether clients' requests come to it.</summary>
    public bool IsInService { get; set; } = true;

    public bool IsDown { get; set; }

    public bool IsBlackHole { get; set; }

    public long FrozenUntil { get; set; }

    /// <summary>Another one after each loss of what the server holds.</summary>
    public int Boot { get; private set; }

    public bool IsBursting { get; set; }

    /// <summary>Counts the changes of its rate: the arrival that was drawn before does not come.</summary>
    public int Arrival { get; set; }

    /// <summary>Starts anew, knowing nothing.</summary>
    public void Restart()
    {
        Boot++;
        _sequence = 0;
        Fleet = new Fleet(3 * _setup.Poll, (uint)Index);
        for (int i = 0; i < _others.Length; i++) _others[i] = new Replica($"http://10.0.0.{i:D3}:8000", Random.Next()) { IsSelf = i == Index };
        Fleet.Set(_others);
        Array.Clear(InFlight);
    }

    public OverflowQuestion Ask(FleetRequest request, long now, bool isForwarded, long patience = OverflowQuestion.Never) => new(
        Server.Predict(now),
        Server.Queued < FleetServer.MostQueued,
        request.Deadline - now,
        _setup.Server.Floor,
        FleetSimulator.Hop,
        isForwarded,
        State == ReplicaState.Serving,
        request.Attempt,
        Fleet.Retries.HasToken,
        patience);

    public LoadReport Report(long now) => new(
        State,
        ++_sequence,
        (ushort)Boot,
        IsBlackHole ? (uint)_setup.Server.Time(1) : (uint)Server.Predict(now),
        (uint)(Server.Pace * 1e9 / _setup.Server.RowsPerSecond),
        (ushort)(IsBlackHole ? 0 : Server.Queued),
        (ushort)(IsBlackHole ? 0 : Server.Running),
        (int)_setup.Server.RowsPerSecond);

    public void Receive(int from, LoadReport report, long now) => _others[from].Receive(Model, report, now);

    public bool Watches(int other) => other != Index && Fleet.Watched.Span.Contains(_others[other]);

    public int IndexOf(Replica replica) => Array.IndexOf(_others, replica);
}
