using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Server.Hosting;
using Gateway.Server.Tenants;
using Gateway.UnitTests.Hosting;
using Gateway.UnitTests.Metrics;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Http;

namespace Gateway.UnitTests.Proxy;

/// <summary>Routes that a model answers, and their clusters when it does not.</summary>
public sealed class ModelRouteTests
{
    private const string Body = """{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}""";

    private const string Text = """
        { "ReverseProxy": { "Routes": {
            "both": { "ClusterId": "old", "MaxRequestBodySize": 1000, "Timeout": "00:01:00", "Match": { "Path": "/predict" }, "Metadata": { "Model": "m" } },
            "limited": { "Timeout": "00:01:00", "RateLimiterPolicy": "one", "Match": { "Path": "/limited" }, "Metadata": { "Model": "m" } },
            "alone": { "MaxRequestBodySize": 1000, "Match": { "Path": "/alone/{**rest}" }, "Metadata": { "Model": "m", "Protocol": "oip" } } },
          "Clusters": { "old": { "Destinations": { "a": { "Address": "$0" } } } } }, "Gateway": { "RateLimits": { "one": { "Concurrency": 1, "Queue": 5 } } } }
        """;

    // Of the route's minute.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    [Fact]
    public async Task Post_ModelThatIsReady_IsAnsweredByIt()
    {
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 8, static () => { });

        (int status, string body) = await PostAsync(host, "/predict");

        Assert.Equal(200, status);
        Assert.StartsWith("{\"model_name\":\"m\",\"model_version\":\"1\",\"outputs\":[{\"name\":\"y\"", body, StringComparison.Ordinal);
        Assert.Equal(200, (await PostAsync(host, "/alone/what/ever")).Status);
        Assert.Equal(0, old.Requests);
        PrometheusText metrics = await host.ScrapeAsync();
        Assert.Equal(1, metrics["gateway_proxy_model_requests_total{by=\"model\",route=\"both\"}"]);
        Assert.Equal(0, metrics["gateway_proxy_model_requests_total{by=\"upstream\",route=\"both\"}"]);
    }

    [Theory]
    [InlineData("/predict")]
    [InlineData("/alone/v1/models/m:predict")]
    public async Task Post_RestrictedInference_AsksForItsHeader(string path)
    {
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartRestrictedAsync(Text, ["inference:key=secret"], null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 8, static () => { });

        Assert.Equal((403, "{\"error\":\"This API is restricted, expecting header 'key'\"}"), await PostAsync(host, path));
        host.Client.DefaultRequestHeaders.TryAddWithoutValidation("Key", "secret");

        Assert.Equal(200, (await PostAsync(host, path)).Status);
    }

    [Fact]
    public async Task Proxied_RestrictedInference_DoesNotHoldForRoutesWithoutAModel()
    {
        const string Plain = """
            { "ReverseProxy": { "Routes": { "plain": { "ClusterId": "old", "Match": { "Path": "/plain" } } },
              "Clusters": { "old": { "Destinations": { "a": { "Address": "$0" } } } } } }
            """;
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartRestrictedAsync(Plain, ["inference:key=secret"], null, old.Address);

        Assert.Equal(200, (await PostAsync(host, "/plain")).Status);
    }

    [Fact]
    public async Task Post_ModelThatIsNotThere_IsTheClusters()
    {
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);

        Assert.Equal((200, "old " + Body), await PostAsync(host, "/predict"));
        Assert.Equal((404, "{\"error\":\"Request for unknown model: 'm' is not found\"}"), await PostAsync(host, "/alone"));
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_model_requests_total{by=\"upstream\",route=\"both\"}"]);
    }

    [Fact]
    public async Task OtherMethod_Always_IsTheClusters()
    {
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 8, static () => { });

        Assert.Equal((200, "old "), await host.GetAsync("/predict"));
        Assert.Equal(405, (await host.GetAsync("/alone")).Status);
    }

    [Fact]
    public async Task Post_BadRequest_IsTheModelsToAnswer()
    {
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 8, static () => { });

        Assert.Equal(400, (await PostAsync(host, "/predict", "{}")).Status);
        Assert.Equal(400, (await PostAsync(host, "/alone", "{}")).Status);
        Assert.Equal(413, (await PostAsync(host, "/predict", Body.PadRight(1001))).Status);
        Assert.Equal(413, (await PostAsync(host, "/alone", Body.PadRight(1001))).Status);
        Assert.Equal(0, old.Requests);
    }

    [Fact]
    public async Task Post_QueueThatIsFull_IsTheClustersOrRefused()
    {
        using ManualResetEventSlim gate = new();
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 1, () =>
        {
            entered.TrySetResult();
            gate.Wait();
        });
        Task<(int Status, string Body)> running = PostAsync(host, "/alone");
        await entered.Task;
        using SlowPost late = await SlowPost.StartAsync(host, "/predict", Body);

        // More than run, are made ready and wait: the first that is answered says that there is no room, and there will be none while the gate is closed.
        Task<(int Status, string Body)>[] fillers = [.. Enumerable.Range(0, 8).Select(_ => PostAsync(host, "/alone"))];
        Assert.Equal(503, (await await Task.WhenAny(fillers)).Status);
        await Eventually.TrueAsync(() => batcher.PendingRequests == 1, "it waits");

        // One that finds the queue full as it comes, and one that finds it full once it has been read.
        Assert.Equal((200, "old " + Body), await PostAsync(host, "/predict"));
        Assert.EndsWith("old " + Body, await late.FinishAsync(), StringComparison.Ordinal);
        (int status, string refused) = await PostAsync(host, "/alone");
        Assert.Equal(503, status);
        Assert.Contains("error", refused, StringComparison.Ordinal);

        gate.Set();
        Assert.Equal(200, (await running).Status);
        Assert.All(await Task.WhenAll(fillers), answer => Assert.True(answer.Status is 200 or 503));
        Assert.Equal(2, old.Requests);
    }

    /// <summary>The cluster knows no tenants: what it answers is drawn from their rates here, and what it does not is not.</summary>
    [Theory]
    [InlineData(200, 10, 429)]
    [InlineData(500, 0, 500)]
    public async Task Post_AnsweredByTheCluster_IsDrawnFromItsTenantsRows(int status, int rows, int next)
    {
        const string Rows = """{"inputs":[{"name":"x","datatype":"FP32","shape":[10,1],"data":[0,1,2,3,4,5,6,7,8,9]}]}""";
        await using Upstream old = await Upstream.StartAsync(async context =>
        {
            context.Response.StatusCode = status;
            await context.Response.WriteAsync("old");
        });
        await using ProxyHost host = await ProxyHost.StartWithAsync(Text, Limited(), old.Address);

        Assert.Equal((status, "old"), await PostAsync(host, "/predict", Rows));
        Assert.Equal((rows, 0), (host.Tenants.Unnamed!.Snapshot().Rows, host.Tenants.Unnamed.Snapshot().InFlight));
        Assert.Equal(next, (await PostAsync(host, "/predict", Rows)).Status);
    }

    [Fact]
    public async Task Post_RefusedOnceItWasRead_IsDrawnFromItsTenantsRowsOnce()
    {
        using ManualResetEventSlim gate = new();
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartWithAsync(Text, Limited(), old.Address);
        await using DynamicBatcher batcher = Serve(host, 1, () =>
        {
            entered.TrySetResult();
            gate.Wait();
        });
        Task<(int Status, string Body)> running = PostAsync(host, "/alone");
        await entered.Task;
        using SlowPost late = await SlowPost.StartAsync(host, "/predict", Body);
        Task<(int Status, string Body)> waiting = PostAsync(host, "/alone");
        await Eventually.TrueAsync(() => batcher.PendingRequests == 1, "it waits");

        Assert.EndsWith("old " + Body, await late.FinishAsync(), StringComparison.Ordinal);
        await Eventually.TrueAsync(() => host.Tenants.Unnamed!.Snapshot().InFlight == 2, "it has left");
        Assert.Equal(1, host.Tenants.Unnamed!.Snapshot().Rows);

        gate.Set();
        Assert.Equal((200, 200), ((await running).Status, (await waiting).Status));
    }

    private static ServerOptions Limited() => new() { Tenants = new TenantsOptions { Default = new TenantOptions { MaxRowsPerSecond = 0.001, RowBurst = 9.5 } } };

    /// <summary>The route's time begins when the request comes: what it waits for its turn, and its body takes to arrive, it does not have in the queue.</summary>
    [Fact]
    public async Task Timeout_WaitForItsTurnAndForItsBody_AreOfIt()
    {
        using SemaphoreSlim gate = new(0);
        List<long> times = [];
        await using Upstream old = await OldAsync();
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, old.Address);
        await using DynamicBatcher batcher = Serve(host, 8, batch =>
        {
            lock (times) times.Add(batch.Slices[0].Request.TimeoutMicroseconds);
            gate.Wait();
        });
        Task<(int Status, string Body)> first = PostAsync(host, "/limited");
        await Eventually.TrueAsync(() => Count() == 1, "the first is run");
        Task<(int Status, string Body)> second = PostAsync(host, "/limited");
        await Task.Delay(Pause, TimeProvider.System, TestContext.Current.CancellationToken);
        gate.Release(2);
        Assert.Equal(200, (await first).Status);
        Assert.Equal(200, (await second).Status);

        using SlowPost slow = await SlowPost.StartAsync(host, "/predict", Body);
        await Task.Delay(Pause, TimeProvider.System, TestContext.Current.CancellationToken);
        gate.Release();
        Assert.StartsWith("HTTP/1.1 200", await slow.FinishAsync(), StringComparison.Ordinal);

        // All but the half of the pause at most, for its beginning is the client's.
        const long Minute = 60_000_000;
        Assert.InRange(times[1], 0, Minute - (long)(Pause.TotalMicroseconds / 2));
        Assert.InRange(times[2], 0, Minute - (long)(Pause.TotalMicroseconds / 2));

        int Count()
        {
            lock (times) return times.Count;
        }
    }

    private static Task<Upstream> OldAsync() => Upstream.StartAsync(static async context =>
    {
        using StreamReader body = new(context.Request.Body);

        // What is added for the queue is not for others.
        string text = "old " + await body.ReadToEndAsync() + (context.Request.Headers.ContainsKey("Inference-Timeout-Ms") ? " in time" : "");
        context.Response.ContentLength = text.Length;
        await context.Response.WriteAsync(text);
    });

    private static DynamicBatcher Serve(ProxyHost host, int queue, Action run) => Serve(host, queue, _ => run());

    private static DynamicBatcher Serve(ProxyHost host, int queue, Action<Batch> run)
    {
        (ServedModel model, DynamicBatcher batcher) = TestModels.Make("m", host.Pool, new BatchingPolicy { MaxBatchRows = 1, MaxQueueRequests = queue }, run);
        host.Catalog.Set(TestModels.Ready(model));
        return batcher;
    }

    private static async Task<(int Status, string Body)> PostAsync(ProxyHost host, string path, string body = Body)
    {
        using HttpResponseMessage answer = await host.Client.PostAsync(new Uri(path, UriKind.Relative), new StringContent(body), TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>A request whose body is in no hurry; the server has its headers when it asks for the rest.</summary>
    private sealed class SlowPost(Socket socket, string body) : IDisposable
    {
        public static async Task<SlowPost> StartAsync(ProxyHost host, string path, string body)
        {
            Uri address = host.Client.BaseAddress!;
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(IPAddress.Parse(address.Host), address.Port, TestContext.Current.CancellationToken);
            string head = string.Create(CultureInfo.InvariantCulture, $"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {body.Length}\r\n\r\n");
            await socket.SendAsync(Encoding.ASCII.GetBytes(head), TestContext.Current.CancellationToken);
            byte[] interim = new byte[64];
            int read = await socket.ReceiveAsync(interim, TestContext.Current.CancellationToken);
            Assert.StartsWith("HTTP/1.1 100", Encoding.ASCII.GetString(interim, 0, read), StringComparison.Ordinal);
            return new SlowPost(socket, body);
        }

        /// <summary>All of the answer.</summary>
        public async Task<string> FinishAsync()
        {
            await socket.SendAsync(Encoding.ASCII.GetBytes(body), TestContext.Current.CancellationToken);
            using NetworkStream stream = new(socket);
            using StreamReader reader = new(stream);
            return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        }

        public void Dispose() => socket.Dispose();
    }
}
