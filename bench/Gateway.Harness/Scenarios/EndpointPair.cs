using Gateway.Harness.Load;
using Gateway.Harness.Models;
using Gateway.Harness.Results;
using Gateway.Harness.Subjects;
using Gateway.Load.Sockets;

namespace Gateway.Harness.Scenarios;

/// <summary>A server and the bare endpoint that moves the same bytes, both running and warm.</summary>
/// <remarks>Both stay up for all rounds; the one that is not under load costs the other nothing measurable (one timer tick a second).</remarks>
internal sealed class EndpointPair : IDisposable
{
    private readonly Effort _effort;
    private readonly string _name;
    private readonly string _bareName;
    private readonly ServerProcess _server;
    private readonly ServerProcess _bare;
    private readonly InferExchange _exchange;

    private EndpointPair(Effort effort, string name, BenchModel model, bool isTuned, Func<ServerProcess> start)
    {
        _effort = effort;
        _name = name;
        _bareName = isTuned ? "bare endpoint, tuned alike" : "bare endpoint";
        _exchange = InferExchange.For(model);
        _server = start();
        try
        {
            // What the server really answers decides what the bare endpoint does.
            ResponseHead answer = ClosedLoop.Probe(_server.EndPoint, _exchange);
            _bare = Programs.StartBareKestrel(answer.InferenceHeaderBytes, answer.BodyBytes, isTuned);
        }
        catch
        {
            _server.Dispose();
            throw;
        }

        try
        {
            effort.WarmUp(_server, _exchange);
            effort.WarmUp(_bare, _exchange);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The gateway beside the bare endpoint.</summary>
    /// <param name="isTuned">Whether the bare endpoint has the gateway's thread and memory settings instead of the framework's.</param>
    public static EndpointPair Gateway(Effort effort, BenchModel model, bool isTuned = false) =>
        new(effort, "gateway", model, isTuned, () => effort.Programs.StartGateway(BenchModel.Repository, out _));

    /// <summary>The gateway with other models than usual.</summary>
    public static EndpointPair Gateway(Effort effort, BenchModel model, string repository) =>
        new(effort, "gateway", model, isTuned: false, () => effort.Programs.StartGateway(repository, out _));

    /// <summary>The bare endpoint beside itself.</summary>
    public static EndpointPair Twins(Effort effort, BenchModel model)
    {
        // As long as the gateway's answers are, give or take a digit.
        const int InferenceHeaderBytes = 150;
        return new EndpointPair(
            effort, "the same again", model, isTuned: false, () => Programs.StartBareKestrel(InferenceHeaderBytes, InferenceHeaderBytes + model.OutputBytes, isTuned: false));
    }

    /// <summary>Measures both in turn.</summary>
    public (LoadResult[] Server, LoadResult[] Bare) Measure(int connections) =>
        _effort.InTurn(() => _effort.Load(_server, _exchange, connections), () => _effort.Load(_bare, _exchange, connections));

    /// <summary>Compares requests a second.</summary>
    public Comparison CompareThroughput(string name, int connections, Budget? budget)
    {
        (LoadResult[] server, LoadResult[] bare) = Measure(connections);
        Series ours = new(_name, "requests/s", [.. server.Select(result => result.PerSecond)]);
        Series theirs = new(_bareName, "requests/s", [.. bare.Select(result => result.PerSecond)]);
        Series client = new("client busy beside bare", "", [.. bare.Select(result => result.ClientBusy)]);
        return new Comparison(name, Series.Ratio(ours, theirs), budget, [ours, theirs, client], new { server, bare });
    }

    public void Dispose()
    {
        _server.Dispose();
        _bare.Dispose();
    }
}
