using Gateway.Load.Capacity;
using Gateway.Load.Running;
using Gateway.Load.Scenarios;
using Gateway.Load.ServerMetrics;

namespace Gateway.Load.Tuning;

/// <summary>A gateway of its own on the copy of a repository, and the client that measures it.</summary>
internal sealed class TunedGateway : ITunedServer
{
    private readonly GatewayProcess _gateway;
    private readonly MetricsSource? _metrics;

    /// <exception cref="LoadException">The gateway does not start, or does not serve the model.</exception>
    public TunedGateway(string program, string repository, ScenarioPlan scenario, TimeProvider time, CancellationToken stop)
    {
        _gateway = new GatewayProcess(program, repository);
        try
        {
            string address = _gateway.AddressOf(scenario.Carrier.Scheme) ?? throw new LoadException(ExitCode.CannotStart, $"the gateway does not listen for {scenario.Carrier.Name}");
            if (!TargetAddress.TryParse(address, out TargetAddress? target, out string problem)) throw new LoadException(ExitCode.CannotStart, problem);
            Callers = Callers.Of(scenario);
            Preparation prepared = Preparation.Create(scenario with { Target = target, Simulations = [new LoadSimulation(SimulationKind.KeepConstant, 1) { Copies = Callers.Copies }] }, time);
            _metrics = _gateway.Metrics is null ? null : MetricsSource.TryOpen(_gateway.Metrics, time);
            Load = new ServerLoad(prepared, _metrics, time, stop);
        }
        catch (Exception)
        {
            Dispose();
            throw;
        }
    }

    public ITrialLoad Load { get; }

    public Callers Callers { get; }

    public void Dispose()
    {
        _metrics?.Dispose();
        _gateway.Dispose();
    }
}
