using System.Net;
using System.Security.Cryptography.X509Certificates;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.Server.Frames;
using Gateway.Server.Hosting;
using Gateway.TestSupport;
using Gateway.UnitTests.Memory;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Client;

/// <summary>The real server of frames with a model <c>number</c>, which gives its INT64 elements back, and a puppet; can be stopped and started again at the same place.</summary>
internal sealed class FrameHost : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<DynamicBatcher> _batchers = [];

    private FrameHost(WebApplication app, BlockPool pool, ModelCatalog catalog)
    {
        _app = app;
        Pool = pool;
        Catalog = catalog;
        app.Services.GetRequiredService<ServerHealth>().Enter(ServerPhase.Serving);
        Add("number", (layout, memory) => new FunctionExecutor(layout, memory, TimeProvider.System, (_, inputs, outputs) =>
        {
            Interlocked.Add(ref _rows, inputs[0].Length / sizeof(long));
            inputs[0].CopyTo(outputs[0], 0);
        }));
        Add("puppet", (layout, memory) => Stage.CreateExecutor(layout, memory, TimeProvider.System));
    }

    private long _rows;

    public BlockPool Pool { get; }

    public ModelCatalog Catalog { get; }

    /// <summary>For a client's options.</summary>
    public string Address { get; private set; } = "";

    public int Port => int.Parse(Address.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Where the model <c>puppet</c> waits for commands.</summary>
    public PuppetStage Stage { get; } = new();

    /// <summary>Rows that <c>number</c> has run.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <param name="port">0 for a free one.</param>
    /// <param name="socket">Path of a Unix domain socket instead of a port.</param>
    /// <param name="certificate">For TLS; the address is that of <c>localhost</c> then.</param>
    public static async Task<FrameHost> StartAsync(int port = 0, string? socket = null, FramesOptions? frames = null, X509Certificate2? certificate = null)
    {
        BlockPool pool = new(256L << 20, lockPages: false);
        ModelCatalog catalog = new();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        ListenOptions? listening = null;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (socket is not null) kestrel.ListenUnixSocket(socket, Listen);
            else kestrel.Listen(IPAddress.Loopback, port, Listen);
        });
        builder.Services.AddSingleton<IMemoryPoolFactory<byte>, WireMemoryPool>();
        builder.Services.AddSingleton(pool).AddSingleton(catalog).AddSingleton<ServerHealth>().AddSingleton(new ServerOptions()).AddSingleton(frames ?? new FramesOptions());
        WebApplication app = builder.Build();

        // Its models are there before its first connection.
        FrameHost host = new(app, pool, catalog);
        await app.StartAsync();
        string place = certificate is null ? "127.0.0.1" : "tls://localhost";
        host.Address = socket is not null ? $"unix:{socket}" : $"{place}:{((IPEndPoint)listening!.EndPoint).Port}";
        return host;

        void Listen(ListenOptions listen)
        {
            listening = listen;
            if (certificate is not null) listen.UseHttps(certificate);
            listen.UseConnectionHandler<FrameConnectionHandler>();
        }
    }

    public void Add(string name, Func<ModelLayout, BlockPool, IModelExecutor> makeExecutor, int maxQueueRequests = 4096)
    {
        TensorSpec[] inputs = [SampleModels.Spec("x", DataType.Int64, [1])];
        TensorSpec[] outputs = [SampleModels.Spec("y", DataType.Int64, [1])];
        ModelLayout layout = new(name, 1, SampleModels.Config(name, 64), inputs, outputs);
        BatchingPolicy policy = new() { MaxBatchRows = layout.MaxBatchRows, IsDynamic = layout.IsBatching, MaxQueueRequests = maxQueueRequests };
        DynamicBatcher batcher = new(policy, policy.MakeFormer(TimeProvider.System), Pool, TimeProvider.System);
        _batchers.Add(batcher);
        ServedModel model = new(layout, "CPU", batcher);
        batcher.Start([makeExecutor(layout, Pool)], layout);
        Catalog.Set(new ModelStatus(name, 1, ModelState.Ready, "", model, TimeSpan.Zero));
    }

    /// <summary>Stops as the program does: what has been read is answered.</summary>
    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        foreach (DynamicBatcher batcher in _batchers) await batcher.DisposeAsync();
        await _app.DisposeAsync();
        Pool.AssertAllBack();
        Pool.Dispose();
    }
}
