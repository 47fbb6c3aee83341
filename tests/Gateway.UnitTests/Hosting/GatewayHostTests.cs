using System.Net;
using System.Net.Sockets;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Gateway.UnitTests.Hosting;

public sealed class GatewayHostTests
{
    private static readonly ServerOptions AnyPorts = new() { HttpPort = 0, GrpcPort = 0, FramesPort = 0, MetricsPort = 0 };

    private readonly HttpClient _client = new();

    [Fact]
    public async Task StartAsync_OnePort_ServesHttp1AndHttp2WithoutTls()
    {
        await using GatewayHost host = Build(AnyPorts, new FakeLoader());
        await host.StartAsync(TestContext.Current.CancellationToken);

        Assert.Equal("HTTP/1.1", await AskAsync(host, HttpVersion.Version11));
        Assert.Equal("HTTP/2", await AskAsync(host, HttpVersion.Version20));
        await host.StopAsync();
    }

    [Fact]
    public async Task StartAsync_Answer_NamesNoServer()
    {
        await using GatewayHost host = Build(AnyPorts, new FakeLoader());
        await host.StartAsync(TestContext.Current.CancellationToken);

        using HttpResponseMessage answer = await _client.GetAsync(new Uri(host.HttpAddress), TestContext.Current.CancellationToken);

        Assert.False(answer.Headers.Contains("Server"));
        await host.StopAsync();
    }

    // Whose call it is, the protocol decides by the target as it was sent; so is whether it is a probe's.
    [Theory]
    [InlineData("/v2/health/live", 200)]
    [InlineData("/v2/health/ready?a", 200)]
    [InlineData("http://h/v2/health/ready", 200)]
    [InlineData("/v2/health", 401)]
    [InlineData("/v2/models/m", 401)]
    [InlineData("/v2/health/other", 401)]
    [InlineData("/v2/models/m/../../health/live", 401)]
    [InlineData("http://h/v2/models/m/../../health/live", 401)]
    [InlineData("http://h/v2\\health\\live", 401)]
    [InlineData("http://h/v2/repository/x\\..\\..\\health/index", 401)]
    public async Task StartAsync_WithToken_AsksEverybodyButProbes(string target, int status)
    {
        await using GatewayHost host = Build(AnyPorts with { AccessToken = "t" }, new FakeLoader(), context =>
        {
            context.Response.ContentLength = 0;
            return Task.CompletedTask;
        });
        await host.StartAsync(TestContext.Current.CancellationToken);
        using (RawConnection connection = await RawConnection.OpenAsync(new Uri(host.HttpAddress).Port))
        {
            await connection.SendAsync(System.Text.Encoding.ASCII.GetBytes($"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n"));

            Assert.StartsWith($"HTTP/1.1 {status}", (await connection.ReadAnswerAsync()).Head, StringComparison.Ordinal);
        }

        await host.StopAsync();
    }

    [Fact]
    public async Task StartAsync_PortInUse_NamesItsFlagAndLoadsNothing()
    {
        using Socket taken = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        int port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        FakeLoader loader = new();
        await using GatewayHost http = Build(AnyPorts with { HttpPort = port }, loader);
        await using GatewayHost metrics = Build(AnyPorts with { MetricsPort = port }, loader);

        StartupException httpError = await Assert.ThrowsAsync<StartupException>(() => http.StartAsync(TestContext.Current.CancellationToken));
        StartupException metricsError = await Assert.ThrowsAsync<StartupException>(() => metrics.StartAsync(TestContext.Current.CancellationToken));

        Assert.Equal($"--http-port: cannot listen on 127.0.0.1:{port}: the port is in use", httpError.Message);
        Assert.Equal($"--metrics-port: cannot listen on 127.0.0.1:{port}: the port is in use", metricsError.Message);
        Assert.False(loader.HasLoaded);
        Assert.Equal(0, await http.StopAsync());
        Assert.Equal(0, await metrics.StopAsync());
    }

    [Fact]
    public async Task StartAsync_BrokenModel_FailsOnlyWhenAskedTo()
    {
        ModelStatus broken = new("m", 2, ModelState.Unavailable, "no such file", null, TimeSpan.Zero);
        await using GatewayHost strict = Build(AnyPorts with { ExitOnError = true }, new FakeLoader { Status = broken });
        await using GatewayHost lenient = Build(AnyPorts, new FakeLoader { Status = broken });

        StartupException error = await Assert.ThrowsAsync<StartupException>(() => strict.StartAsync(TestContext.Current.CancellationToken));
        await lenient.StartAsync(TestContext.Current.CancellationToken);

        Assert.Equal("model m version 2: no such file (--exit-on-error is on)", error.Message);
        await strict.StopAsync();
        await lenient.StopAsync();
    }

    [Fact]
    public async Task StopAsync_RequestUnderWay_IsFinishedFirst()
    {
        TaskCompletionSource entered = new();
        TaskCompletionSource leave = new();
        FakeLoader loader = new();
        await using GatewayHost host = Build(AnyPorts, loader, async context =>
        {
            entered.SetResult();
            await leave.Task;
            await context.Response.WriteAsync(loader.HasStopped ? "too late" : "done");
        });
        await host.StartAsync(TestContext.Current.CancellationToken);
        Task<string> answer = _client.GetStringAsync(new Uri(host.HttpAddress), TestContext.Current.CancellationToken);
        await entered.Task;

        Task<int> stop = host.StopAsync();
        Assert.False(stop.IsCompleted);
        leave.SetResult();

        Assert.Equal("done", await answer);
        Assert.Equal(0, await stop);
        Assert.True(loader.HasStopped);
    }

    [Fact]
    public async Task StopAsync_NoGrace_StopsTheModelsAndCutsTheRest()
    {
        TaskCompletionSource entered = new();
        FakeLoader loader = new() { Abandoned = 3 };
        await using GatewayHost host = Build(AnyPorts with { ExitTimeoutSecs = TimeSpan.Zero }, loader, context =>
        {
            entered.SetResult();
            return Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
        });
        await host.StartAsync(TestContext.Current.CancellationToken);
        Task<string> answer = _client.GetStringAsync(new Uri(host.HttpAddress), TestContext.Current.CancellationToken);
        await entered.Task;

        Assert.Equal(3, await host.StopAsync());

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => answer);
        Assert.Equal(TimeSpan.Zero, loader.Grace);
    }

    [Fact]
    public async Task MetricsPort_EachPathAndMethod_AnswersAsTritonDoes()
    {
        using BlockPool pool = new(1 << 20, lockPages: false);
        (ServedModel model, DynamicBatcher batcher) = TestModels.Make("m", pool, new BatchingPolicy { MaxBatchRows = 4 }, _ => { });
        await using GatewayHost host = Build(AnyPorts, new FakeLoader { Status = TestModels.Ready(model) });
        await host.StartAsync(TestContext.Current.CancellationToken);
        Uri address = new(host.MetricsAddress!);

        using HttpResponseMessage page = await _client.GetAsync(new Uri(address, "/metrics"), TestContext.Current.CancellationToken);
        using HttpResponseMessage post = await _client.PostAsync(new Uri(address, "/metrics"), null, TestContext.Current.CancellationToken);

        Assert.Equal("text/plain; charset=utf-8", page.Content.Headers.ContentType?.ToString());
        Assert.Contains("nv_inference_count{model=\"m\",version=\"1\"} 0\n", await page.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.NotEmpty(await _client.GetStringAsync(new Uri(address, "/metrics/"), TestContext.Current.CancellationToken));
        Assert.Empty(await _client.GetStringAsync(new Uri(address, "/other"), TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
        await host.StopAsync();
        await batcher.DisposeAsync();
    }

    [Fact]
    public async Task Connections_WhileOpenAndAfter_AreCountedByProtocol()
    {
        await using GatewayHost host = Build(AnyPorts, new FakeLoader());
        await host.StartAsync(TestContext.Current.CancellationToken);
        using (Socket frames = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        using (Socket http = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            await frames.ConnectAsync(IPEndPoint.Parse(host.FramesAddress!), TestContext.Current.CancellationToken);
            await http.ConnectAsync(IPEndPoint.Parse(new Uri(host.HttpAddress).Authority), TestContext.Current.CancellationToken);
            await Eventually.TrueAsync(() => Has("gateway_connections{protocol=\"frames\"} 1\n") && Has("gateway_connections{protocol=\"http\"} 1\n"), "both are counted");
        }

        await Eventually.TrueAsync(() => Has("gateway_connections{protocol=\"frames\"} 0\n") && Has("gateway_connections{protocol=\"http\"} 0\n"), "both have ended");
        Assert.True(Has("gateway_connections_total{protocol=\"frames\"} 1\n"));
        await host.StopAsync();

        bool Has(string line) => _client.GetStringAsync(new Uri(new Uri(host.MetricsAddress!), "/metrics")).GetAwaiter().GetResult().Contains(line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Build_MetricsNotAllowed_HasNoMetricsPort()
    {
        await using GatewayHost host = Build(AnyPorts with { AllowMetrics = false }, new FakeLoader());
        await host.StartAsync(TestContext.Current.CancellationToken);

        Assert.Null(host.MetricsAddress);
        await host.StopAsync();
    }

    private async Task<string> AskAsync(GatewayHost host, Version version)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, host.HttpAddress) { Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new StringContent("x") };
        using HttpResponseMessage answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        return await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
    }

    private static GatewayHost Build(ServerOptions options, FakeLoader loader, RequestDelegate? answer = null) =>
        GatewayHost.Build(
            options,
            TimeProvider.System,
            services => services.AddSingleton<IModelLoader>(loader).AddLogging(logging => logging.ClearProviders()),
            app =>
            {
                loader.Catalog = app.Services.GetRequiredService<ModelCatalog>();
                app.Run(answer ?? (context => context.Response.WriteAsync(context.Request.Protocol)));
            });

    private sealed class FakeLoader : IModelLoader
    {
        public ModelStatus? Status { get; init; }

        public int Abandoned { get; init; }

        public ModelCatalog? Catalog { get; set; }

        public bool HasLoaded { get; private set; }

        public bool HasStopped { get; private set; }

        public TimeSpan? Grace { get; private set; }

        public Task LoadAsync(CancellationToken cancellation)
        {
            HasLoaded = true;
            if (Status is not null) Catalog!.Set(Status);
            return Task.CompletedTask;
        }

        public Task<int> StopAsync(TimeSpan grace)
        {
            HasStopped = true;
            Grace = grace;
            return Task.FromResult(Abandoned);
        }
    }
}
