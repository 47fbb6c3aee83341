using System.IO.Pipelines;
using System.Net;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Models.Repository;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol.Tensors;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Gateway.Server.MessagePack;
using Gateway.Server.OpenInference;
using Gateway.Server.Tenants;
using Gateway.Server.TensorFlow;
using Gateway.TestSupport;
using Gateway.UnitTests.Memory;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.OpenInference;

/// <summary>A Kestrel on a free port that serves models made of functions.</summary>
internal sealed class InferenceServer : IAsyncDisposable
{
    /// <summary>A path that takes any body and gives a few bytes back, with the headers of a binary answer.</summary>
    public const string BarePath = "/bare";

    private const int MaxQueueRequests = 1024;
    private const string PredictPath = "/v1/models/";
    private const string PredictVerb = ":predict";

    private readonly WebApplication _app;
    private readonly List<DynamicBatcher> _batchers = [];

    private InferenceServer(WebApplication app, BlockPool pool, ModelCatalog catalog, HttpProtocols protocols, int port, int framesPort)
    {
        _app = app;
        Pool = pool;
        Catalog = catalog;
        Health = app.Services.GetRequiredService<ServerHealth>();
        Health.Enter(ServerPhase.Serving);
        Port = port;
        FramesPort = framesPort;
        Client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        if (protocols != HttpProtocols.Http2) return;
        Client.DefaultRequestVersion = HttpVersion.Version20;
        Client.DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact;
    }

    public BlockPool Pool { get; }

    public ModelCatalog Catalog { get; }

    public ServerHealth Health { get; }

    public TenantDirectory Tenants => _app.Services.GetRequiredService<TenantDirectory>();

    public IServiceProvider Services => _app.Services;

    public HttpClient Client { get; }

    public int Port { get; }

    /// <summary>Where MessagePack frames are served.</summary>
    public int FramesPort { get; }

    public LogSettings Logs => _app.Services.GetRequiredService<LogSettings>();

    /// <summary>Starts a server with the models of <see cref="SampleModels"/>.</summary>
    /// <param name="control">Makes what loads and unloads models on request; it is its caller's to stop.</param>
    /// <param name="regions">The shared memory that clients register; null where they may not.</param>
    /// <param name="restricted">As <see cref="ServerOptions.HttpRestrictedApi"/>.</param>
    public static async Task<InferenceServer> StartAsync(Action<OpenInferenceOptions>? configure = null, HttpProtocols protocols = HttpProtocols.Http1, FramesOptions? frames = null, TenantsOptions? tenants = null, Func<ModelCatalog, BlockPool, IModelControl>? control = null, SharedRegions? regions = null, Tracer? tracer = null, params string[] restricted)
    {
        OpenInferenceOptions options = new();
        configure?.Invoke(options);
        BlockPool pool = new(512L << 20, lockPages: false);
        ModelCatalog catalog = new(tracer);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        ServedPorts ports = new();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = protocols;
                ports.HttpPort = listen;
            });
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.UseConnectionHandler<FrameConnectionHandler>();
                ports.FramesPort = listen;
            });
        });
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        builder.Services.AddSingleton(options).AddSingleton(TimeProvider.System).AddSingleton(pool).AddSingleton(catalog).AddSingleton<ServerHealth>().AddSingleton(new ServerOptions { Tenants = tenants, AccessToken = frames?.AccessToken }).AddSingleton(tenants?.ToDirectory(TimeProvider.System) ?? TenantDirectory.None).AddSingleton(new ConnectionCounts()).AddSingleton(frames ?? new FramesOptions()).AddOpenInference().AddMessagePack().AddSingleton<PredictEndpoint>();
        builder.Services.AddSingleton(new LogSettings(new ServerOptions()));
        if (regions is not null) builder.Services.AddSingleton(regions);
        if (control is not null) builder.Services.AddSingleton(control(catalog, pool));
        WebApplication app = builder.Build();
        Assert.Null(RestrictedAccess.Parse(restricted, "", out RestrictedAccess access));
        app.UseRestrictedAccess(access);
        app.UseMessagePack().UseOpenInference();
        app.Use(static (context, next) =>
            context.Request.Path.Value is { } path && path.StartsWith(PredictPath, StringComparison.Ordinal) && path.EndsWith(PredictVerb, StringComparison.Ordinal)
                ? context.RequestServices.GetRequiredService<PredictEndpoint>().HandleAsync(context, path[PredictPath.Length..^PredictVerb.Length], 0)
                : next(context));
        app.Run(AnswerForeignAsync);
        await app.StartAsync();
        InferenceServer server = new(app, pool, catalog, protocols, ((IPEndPoint)ports.HttpPort!.EndPoint).Port, ((IPEndPoint)ports.FramesPort!.EndPoint).Port);
        SampleModels.AddTo(server);
        return server;
    }

    /// <summary>Serves a model that <paramref name="makeExecutor"/> runs.</summary>
    public ServedModel Add(
        string name,
        long version,
        int maxBatchSize,
        IReadOnlyList<TensorSpec> inputs,
        IReadOnlyList<TensorSpec> outputs,
        Func<ModelLayout, BlockPool, IModelExecutor> makeExecutor,
        int maxQueueRequests = MaxQueueRequests,
        TimeSpan objective = default)
    {
        ModelLayout layout = new(name, version, SampleModels.Config(name, maxBatchSize), inputs, outputs);
        BatchingPolicy policy = new() { MaxBatchRows = layout.MaxBatchRows, IsDynamic = layout.IsBatching, MaxQueueRequests = maxQueueRequests, Objective = (long)(objective.TotalSeconds * TimeProvider.System.TimestampFrequency) };
        DynamicBatcher batcher = new(policy, policy.MakeFormer(TimeProvider.System), Pool, TimeProvider.System);
        _batchers.Add(batcher);
        ServedModel model = new(layout, "CPU", batcher);
        batcher.Start([makeExecutor(layout, Pool)], layout);
        Catalog.Set(new ModelStatus(name, version, ModelState.Ready, "", model, TimeSpan.Zero));
        return model;
    }

    public ServedModel Add(
        string name, int maxBatchSize, IReadOnlyList<TensorSpec> inputs, IReadOnlyList<TensorSpec> outputs, FunctionExecutor.Function function, int maxQueueRequests = MaxQueueRequests) =>
        Add(name, 1, maxBatchSize, inputs, outputs, (layout, pool) => new FunctionExecutor(layout, pool, TimeProvider.System, function), maxQueueRequests);

    /// <summary>Serves a model <c>gated</c>, which gives a number back once <paramref name="gate"/> is open.</summary>
    public ServedModel AddGated(ManualResetEventSlim gate, int maxQueueRequests = MaxQueueRequests) =>
        Add(
            "gated",
            1,
            [SampleModels.Spec("x", DataType.Fp32, [1])],
            [SampleModels.Spec("y", DataType.Fp32, [1])],
            (_, inputs, outputs) =>
            {
                gate.Wait();
                inputs[0].CopyTo(outputs[0], 0);
            },
            maxQueueRequests);

    /// <summary>Stops everything and asserts that no block is still lent.</summary>
    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        foreach (DynamicBatcher batcher in _batchers) await batcher.DisposeAsync();
        await _app.DisposeAsync();
        Pool.AssertAllBack();
        Pool.Dispose();
    }

    private static async Task AnswerForeignAsync(HttpContext context)
    {
        if (context.Request.Path != BarePath)
        {
            context.Response.StatusCode = StatusCodes.Status418ImATeapot;
            return;
        }

        for (long left = context.Request.ContentLength ?? 0; left > 0;)
        {
            ReadResult result = await context.Request.BodyReader.ReadAsync();
            left -= result.Buffer.Length;
            context.Request.BodyReader.AdvanceTo(result.Buffer.End);
        }

        context.Response.ContentLength = 100;
        context.Response.ContentType = "application/octet-stream";
        context.Response.Headers["Inference-Header-Content-Length"] = "60";
        context.Response.BodyWriter.GetSpan(100)[..100].Clear();
        context.Response.BodyWriter.Advance(100);
    }
}
