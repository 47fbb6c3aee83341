using Gateway.TestSupport;

namespace Gateway.FleetFaults;

/// <summary>A mesh under load and faults, and what has to hold of it.</summary>
/// <remarks>
/// <para>
/// <b>Behaviour</b>: first kills and pauses for as long as is asked for, never more than two gateways away at a time; then all are there again, and each has to get requests from the others again by itself; then a stretch
/// with pauses alone. What has to hold:
/// </para>
/// <list type="bullet">
/// <item>Each request is answered once with the right number, or refused with a time to come back. Without an answer are only those whose own gateway was killed while they were there: a replica that is killed or
/// paused costs nobody an answer.</item>
/// <item>Of each process that lives at the end: what its clients had from others is what it has counted as answered by others, and nothing is under way.</item>
/// <item>Of all processes together, over the last stretch: answered ≤ received ≤ sent of what goes between them, and models have answered what clients had, and at most what was given up on the way beside it. The
/// counters of a process that is killed are gone with it, and what it had sent others have received: this sum is made where all live from its begin to its end.</item>
/// </list>
/// </remarks>
internal sealed class FaultRun : IDisposable
{
    private const int Gateways = 5;
    private const int MostAway = 2;
    private const int RunMicroseconds = 20_000;
    private static readonly TimeSpan RecoveryPatience = TimeSpan.FromMinutes(2);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-fleet-");
    private readonly FaultTally _tally = new();
    private readonly MeshGateway[] _mesh;
    private readonly MeshClients _clients;
    private readonly Random _random;
    private readonly int _seed;

    public FaultRun(string program, int seed, int rate)
    {
        _seed = seed;
        _random = new Random(seed);
        string model = Directory.CreateDirectory(Path.Combine(_folder.FullName, "timed", "1")).FullName;
        File.WriteAllText(Path.Combine(model, "model.onnx"), TimedBackend.Script(RunMicroseconds, 0));
        File.WriteAllText(Path.Combine(model, "..", "gateway.json"), """{ "slo_ms": 150 }""");
        File.WriteAllText(Path.Combine(model, "..", "config.pbtxt"), """
            name: "timed"
            max_batch_size: 4
            input [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ]
            output [ { name: "y" data_type: TYPE_INT64 dims: [ 1 ] } ]
            dynamic_batching { }
            """);
        int[] ports = MeshGateway.FreePorts(Gateways);
        _mesh = [.. ports.Select(port => new MeshGateway(program, _folder.FullName, port, ports))];
        _clients = new MeshClients(_mesh, rate, _tally);
    }

    /// <param name="time">Of kills and pauses.</param>
    /// <param name="onEvent">Is told what is done.</param>
    public async Task<FaultTally> RunAsync(TimeSpan time, Action<string> onEvent)
    {
        await Task.WhenAll(_mesh.Select(gateway => gateway.StartAsync())).ConfigureAwait(false);
        using (CancellationTokenSource stop = new())
        {
            Task load = Task.Run(() => _clients.RunAsync(_seed, stop.Token));
            await HarmAsync(time, mayKill: true, onEvent).ConfigureAwait(false);
            await HealAsync().ConfigureAwait(false);
            onEvent("all are there again");
            await RecoverAsync().ConfigureAwait(false);
            await stop.CancelAsync().ConfigureAwait(false);
            await load.ConfigureAwait(false);
        }

        onEvent($"recovered: {_tally}");
        MeshCounts[] before = await QuietAsync().ConfigureAwait(false);
        (int good, int elsewhere) = (_tally.Good, _tally.Elsewhere);
        using (CancellationTokenSource stop = new())
        {
            Task load = Task.Run(() => _clients.RunAsync(_seed + 1, stop.Token));
            await HarmAsync(TimeSpan.FromSeconds(Math.Clamp(time.TotalSeconds / 4, 5, 30)), mayKill: false, onEvent).ConfigureAwait(false);
            await HealAsync().ConfigureAwait(false);
            await stop.CancelAsync().ConfigureAwait(false);
            await load.ConfigureAwait(false);
        }

        MeshCounts[] after = await QuietAsync().ConfigureAwait(false);
        CheckRequests();
        CheckLives(after);
        CheckSums(after.Aggregate(static (one, other) => one + other) - before.Aggregate(static (one, other) => one + other), _tally.Good - good, _tally.Elsewhere - elsewhere, onEvent);
        return _tally;
    }

    public void Dispose()
    {
        foreach (MeshGateway gateway in _mesh) gateway.Dispose();
        _folder.Delete(recursive: true);
    }

    /// <summary>Does something to one of them at random, again and again.</summary>
    private async Task HarmAsync(TimeSpan time, bool mayKill, Action<string> onEvent)
    {
        long start = TimeProvider.System.GetTimestamp();
        while (TimeProvider.System.GetElapsedTime(start) < time)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(_random.Next(200, 1500)), TimeProvider.System).ConfigureAwait(false);
            MeshGateway gateway = _mesh[_random.Next(_mesh.Length)];
            bool kills = mayKill && _random.Next(2) == 0;
            if (gateway.Life is null)
            {
                await gateway.StartAsync().ConfigureAwait(false);
                onEvent($"{gateway.Address} is started again");
            }
            else if (gateway.IsPaused && !kills)
            {
                gateway.Resume();
                onEvent($"{gateway.Address} is resumed");
            }
            else if (gateway.IsPaused || _mesh.Count(each => each.Life is null || each.IsPaused) < MostAway)
            {
                Harm(gateway, kills);
                onEvent($"{gateway.Address} is {(kills ? "killed" : "paused")}");
            }
        }
    }

    private void Harm(MeshGateway gateway, bool kills)
    {
        if (kills)
        {
            gateway.Kill();
            _tally.Kills++;
        }
        else
        {
            gateway.Pause();
            _tally.Pauses++;
        }
    }

    private async Task HealAsync()
    {
        foreach (MeshGateway gateway in _mesh)
        {
            if (gateway.Life is null) await gateway.StartAsync().ConfigureAwait(false);
            if (gateway.IsPaused) gateway.Resume();
        }
    }

    /// <summary>Waits until each has served something that another has sent it, from now on.</summary>
    private async Task RecoverAsync()
    {
        MeshCounts[] before = await CountAsync().ConfigureAwait(false);
        long start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            MeshCounts[] now = await CountAsync().ConfigureAwait(false);
            if (now.Zip(before).All(static each => each.First.Taken > each.Second.Taken)) return;
            if (TimeProvider.System.GetElapsedTime(start) > RecoveryPatience)
            {
                _tally.Violate($"{RecoveryPatience.TotalSeconds} s after all were there again one has served nothing that others sent: {string.Join(", ", now.Zip(before).Select(static each => each.First.Taken - each.Second.Taken))}");
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>The counters once nothing is under way between them, and models have ended what nobody waits for any more.</summary>
    private async Task<MeshCounts[]> QuietAsync()
    {
        MeshCounts[] before = await CountAsync().ConfigureAwait(false);
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System).ConfigureAwait(false);
            MeshCounts[] now = await CountAsync().ConfigureAwait(false);
            if (now.SequenceEqual(before)) return now;
            before = now;
        }
    }

    private async Task<MeshCounts[]> CountAsync() => await Task.WhenAll(_mesh.Select(gateway => gateway.Life!.CountAsync())).ConfigureAwait(false);

    private void CheckRequests() =>
        _tally.Check(_tally.Sent == _tally.Good + _tally.Refused + _tally.Lost, $"of {_tally.Sent} requests {_tally.Good} were answered, {_tally.Refused} refused, {_tally.Lost} lost: they do not add up");

    private void CheckLives(MeshCounts[] counts)
    {
        foreach ((MeshGateway gateway, MeshCounts own) in _mesh.Zip(counts))
        {
            _tally.Check(own.Answered == gateway.Life!.Elsewhere, $"{gateway.Address} has counted {own.Answered} answers of others, its clients {gateway.Life.Elsewhere}");
            _tally.Check(own.InFlight == 0, $"{gateway.Address} has {own.InFlight} requests under way that nobody waits for");
        }
    }

    private void CheckSums(MeshCounts all, int good, int elsewhere, Action<string> onEvent)
    {
        long givenUp = all.Sent - all.Answered;
        onEvent($"last stretch, all five: {all.Sent} sent to others, {all.Received} received, {all.Answered} answered; models answered {all.Succeeded}, clients had {good}, {elsewhere} of them elsewhere");
        _tally.Check(all.Answered == elsewhere, $"{all.Answered} answers of others were counted, clients had {elsewhere}");
        _tally.Check(all.Answered <= all.Received && all.Received <= all.Sent, $"{all.Sent} were sent, {all.Received} received, {all.Answered} answered");
        _tally.Check(all.Succeeded >= good && all.Succeeded <= good + givenUp, $"models have answered {all.Succeeded} requests, clients had {good}, and {givenUp} were given up on the way");
    }
}
