using System.Globalization;
using System.Net;
using Gateway.Load.Carriers;
using Gateway.Load.Engine;
using Gateway.Load.Payloads;
using Gateway.Load.Scenarios;
using Gateway.Load.Sockets;
using Gateway.Load.Verification;

namespace Gateway.Load.Running;

/// <summary>A scenario whose payloads are made and whose server has answered once.</summary>
internal sealed class Preparation
{
    // All payloads together; beyond, the client's own memory is what is measured.
    private const long MostBytes = 2L << 30;

    private readonly IReadOnlyList<ModelDescription?> _models;
    private readonly IReadOnlyList<int> _firstOfStep;
    private readonly IReadOnlyList<int> _countOfStep;

    private Preparation(ScenarioPlan plan, IPEndPoint server, RequestTarget target, IReadOnlyList<EncodedRequest> requests, IReadOnlyList<ModelDescription?> models, IReadOnlyList<int> firstOfStep, IReadOnlyList<int> countOfStep, byte[] answer)
    {
        Plan = plan;
        Server = server;
        Target = target;
        Requests = requests;
        Answer = answer;
        _models = models;
        _firstOfStep = firstOfStep;
        _countOfStep = countOfStep;
        Verifier = plan.Verify ? new Verifier(plan.Carrier, models, plan.Tolerance) : null;
    }

    public ScenarioPlan Plan { get; }

    public IPEndPoint Server { get; }

    public RequestTarget Target { get; }

    public IReadOnlyList<EncodedRequest> Requests { get; }

    public Verifier? Verifier { get; }

    /// <summary>The first answer, as received.</summary>
    public byte[] Answer { get; }

    public IReadOnlySet<string> Models => Plan.Steps.Select(step => step.Model).ToHashSet();

    /// <exception cref="LoadException">The server is away, has no such model, refuses the first request, or a payload cannot be made.</exception>
    public static Preparation Create(ScenarioPlan plan, TimeProvider time)
    {
        IPEndPoint server = plan.Target.Resolve();
        List<EncodedRequest> requests = [];
        List<ModelDescription?> models = [];
        List<int> first = [];
        List<int> counts = [];
        RequestTarget target = TargetOf(plan, plan.Steps[0]);
        byte[] answer = [];
        long bytes = 0;
        foreach (StepPlan step in plan.Steps)
        {
            RequestTarget ofStep = TargetOf(plan, step);
            ModelDescription? model = step.Model.Length > 0 ? ServerProbe.Describe(plan, server, ofStep, time) : null;
            RequestPayload[] payloads = Payloads(step, model, plan.PayloadSeed);
            first.Add(requests.Count);
            counts.Add(payloads.Length);
            foreach (RequestPayload payload in payloads)
            {
                EncodedRequest request = Encode(plan.Carrier, payload, ofStep);
                bytes += request.Bytes.Length;
                if (bytes > MostBytes) throw new LoadException(ExitCode.BadSettings, $"{plan.Name}: the payloads together are longer than {MostBytes >> 30} GiB; make fewer with --distinct");
                requests.Add(request);
                models.Add(model);
            }

            byte[] of = ServerProbe.FirstAnswer(plan, server, ofStep, requests[first[^1]], model, time);
            if (answer.Length == 0) answer = of;
        }

        return new Preparation(plan, server, target, requests, models, first, counts, answer);
    }

    /// <summary>The same with so many connections, and callers in the closed model.</summary>
    public Preparation With(int connections, int copies) => new(Plan with { Connections = connections, Simulations = [.. Plan.Simulations.Select(simulation => simulation.Kind == SimulationKind.KeepConstant ? simulation with { Copies = copies } : simulation)] }, Server, Target, Requests, _models, _firstOfStep, _countOfStep, Answer);

    /// <summary>The same against a null server, which gives the answer to the first step's first payload to all: verified as such, and nothing of it is kept for the server's own answers.</summary>
    public Preparation ForNullServer() => new(Plan, Server, Target, Requests, [.. _models.Select(_ => _models[0])], _firstOfStep, _countOfStep, Answer);

    /// <param name="server">Its own, or a null server, whose certificate nobody has signed.</param>
    public ICallTransport Connect(IPEndPoint server, int connections, TimeProvider time) =>
        new SocketTransport(server, Plan.Carrier, Target, Requests, connections, Plan.Window, time, TlsClient.For(Plan, isOwnServer: !server.Equals(Server)));

    /// <summary>What one worker's calls carry.</summary>
    public IReadOnlyList<StepChoice> Choices(int worker) =>
    [
        .. Plan.Steps.Select((step, i) => new StepChoice(
            _firstOfStep[i],
            _countOfStep[i],
            step.Payloads.Trace is null ? new PayloadPicker(_countOfStep[i], step.Payloads.ZipfExponent, Seed.Of(Plan.Seed, worker, i)) : null)),
    ];

    private static RequestTarget TargetOf(ScenarioPlan plan, StepPlan step) =>
        new(plan.Target.Authority, step.Model, step.Version, plan.Target.Path, plan.TimeoutMilliseconds > 0, plan.Headers, plan.Token, plan.Target.IsTls, plan.Method);

    private static RequestPayload[] Payloads(StepPlan step, ModelDescription? model, int seed)
    {
        PayloadRecipe recipe = step.Payloads;
        if (recipe.Trace is { } trace)
        {
            RequestPayload[] recorded = [.. trace.Payloads];
            return recorded.Length > 0 ? recorded : throw new LoadException(ExitCode.BadSettings, $"trace {trace.Path}: its lines have no 'inputs' to send");
        }

        if (model is null) return recipe.Files.Count > 0 ? [.. recipe.Files.Select(file => new RequestPayload([]) { Body = PayloadFiles.ReadBytes(file) })] : [new RequestPayload([])];
        return recipe.Files.Count > 0 ? PayloadFiles.Read(recipe.Files) : RandomPayloads.Create(model, recipe, seed);
    }

    private static EncodedRequest Encode(ICarrier carrier, RequestPayload payload, RequestTarget target)
    {
        try
        {
            return carrier.Encode(payload, target);
        }
        catch (FormatException exception)
        {
            throw new LoadException(ExitCode.BadSettings, string.Create(CultureInfo.InvariantCulture, $"{carrier.Name}: {exception.Message}"));
        }
    }
}
