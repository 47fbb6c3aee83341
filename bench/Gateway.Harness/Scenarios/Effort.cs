using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Subjects;

namespace Gateway.Harness.Scenarios;

/// <summary>How long and how often to measure, and what.</summary>
/// <param name="Rounds">Times that every side is measured, in turn.</param>
/// <param name="Seconds">Length of each measurement.</param>
/// <param name="WarmUpSeconds">Load on each server before the first: until its code is compiled for good.</param>
/// <param name="Gateway">The gateway's executable; null for the usual one.</param>
/// <param name="Models">Names of the only models to measure on a device; null for all.</param>
internal sealed record Effort(int Rounds, double Seconds, double WarmUpSeconds, string? Gateway, IReadOnlyList<string>? Models = null)
{
    // As many as the load scenarios ever use, so that pools are as large as they get.
    private const int WarmUpConnections = 64;

    /// <summary>Whether a model is to be measured.</summary>
    public bool Wants(BenchModel model) => Models?.Contains(model.Name) ?? true;

    public Programs Programs => new(Gateway ?? Programs.BuiltGateway);

    public void WarmUp(ServerProcess server, InferExchange exchange) =>
        ClosedLoop.Run(server.EndPoint, exchange, WarmUpConnections, WarmUpSeconds, () => server.CpuTime);

    public LoadResult Load(ServerProcess server, InferExchange exchange, int connections) =>
        ClosedLoop.Run(server.EndPoint, exchange, connections, Seconds, () => server.CpuTime);

    /// <summary>Measures both sides once a round, each going first in every other round, so that a drift of the machine favours neither.</summary>
    public (TFirst[] First, TSecond[] Second) InTurn<TFirst, TSecond>(Func<TFirst> first, Func<TSecond> second)
    {
        TFirst[] ofFirst = new TFirst[Rounds];
        TSecond[] ofSecond = new TSecond[Rounds];
        for (int i = 0; i < Rounds; i++)
        {
            if (i % 2 == 0) ofFirst[i] = first();
            ofSecond[i] = second();
            if (i % 2 != 0) ofFirst[i] = first();
        }

        return (ofFirst, ofSecond);
    }
}
