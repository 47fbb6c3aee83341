using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Client;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Protocol;
using Gateway.Server.Frames;
using Gateway.Server.Tenants;
using Gateway.UnitTests.Frames;
using Gateway.UnitTests.Messages;
using Gateway.UnitTests.OpenInference;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Tenants;

/// <summary>Whose a call is and what its tenant may, over HTTP, MessagePack over HTTP and frames.</summary>
public sealed class TenantEndpointTests
{
    private const string Key = "the key of acme, and no other's";
    private const string Json = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""";

    [Theory]
    [InlineData("Bearer " + Key, null, "acme")]
    [InlineData("bearer  " + Key + " ", "small", "acme")]
    [InlineData(null, null, "default")]
    [InlineData("Basic abc", null, "default")]
    [InlineData(null, "small", "small")]
    [InlineData(null, "nobody", "default")]
    public async Task Http_KeyGoesBeforeName_AndBothBeforeNone(string? authorization, string? name, string tenant)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());

        Answer answer = await InferAsync(server, authorization, name);

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        await AssertCountsAsync(server, tenant, requests: 1, rows: 1);
    }

    [Theory]
    [InlineData("Bearer wrong")]
    [InlineData("Bearer the key of acme, and no other'S")]
    public async Task Http_UnknownKey_Is401(string authorization)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());

        Answer answer = await InferAsync(server, authorization, "small");

        Assert.Equal((HttpStatusCode.Unauthorized, """{"error":"the API key is not known"}"""), (answer.Status, answer.Text));
        Assert.Equal("Bearer", answer.Headers["WWW-Authenticate"]);
    }

    [Fact]
    public async Task Http_HugeKey_Is401()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());

        Assert.Equal(HttpStatusCode.Unauthorized, (await InferAsync(server, "Bearer " + new string('k', 10_000), null)).Status);
    }

    [Fact]
    public async Task Http_NamesAreNotTrusted_TheyAreIgnored()
    {
        TenantsOptions options = Options();
        options.TrustNames = false;
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: options);

        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, "acme")).Status);
        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, "no name at all")).Status);
        await AssertCountsAsync(server, "default", requests: 2, rows: 2);
        await AssertCountsAsync(server, "acme", requests: 0, rows: 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("%129")]
    [InlineData("%5000")]
    public async Task Http_NoName_Is400(string name)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        if (name.StartsWith('%')) name = new string('n', int.Parse(name[1..], CultureInfo.InvariantCulture));

        Answer answer = await InferAsync(server, null, name);

        Assert.Equal((HttpStatusCode.BadRequest, """{"error":"a tenant's name must be 1 to 128 visible ASCII characters"}"""), (answer.Status, answer.Text));
    }

    [Theory]
    [InlineData("Inference-Tenant: acme\r\nInference-Tenant: acme\r\n", "Inference-Tenant is given more than once")]
    [InlineData("Inference-Tenant: caf\u00e9\r\n", "a tenant's name must be 1 to 128 visible ASCII characters")]
    public async Task Http_HeaderTwiceOrNotAscii_Is400(string headers, string expected)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] body = Encoding.UTF8.GetBytes(Json);

        await connection.SendAsync(Encoding.UTF8.GetBytes($"POST /v2/models/any/infer HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {body.Length}\r\n\r\n{Json}"));
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 400", head, StringComparison.Ordinal);
        Assert.Equal($$"""{"error":"{{expected}}"}""", Encoding.UTF8.GetString(text));
    }

    [Fact]
    public async Task Http_UnknownAreRefused_401WithoutAName_403WithOne()
    {
        TenantsOptions options = Options();
        options.Unknown = UnknownTenants.Refuse;
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: options);

        Answer unnamed = await InferAsync(server, null, null);
        Answer unknown = await InferAsync(server, null, "nobody");

        Assert.Equal((HttpStatusCode.Unauthorized, """{"error":"the request names no tenant and shows no API key"}"""), (unnamed.Status, unnamed.Text));
        Assert.Equal((HttpStatusCode.Forbidden, """{"error":"tenant 'nobody' is not known"}"""), (unknown.Status, unknown.Text));
        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, "small")).Status);
    }

    // Whatever bytes clients send for a name: a clear answer, no more tenants than tracked, and others are served.
    [Fact]
    public async Task Http_NamesAtRandom_AreAnsweredAndBounded()
    {
        TenantsOptions options = Options();
        options.Unknown = UnknownTenants.Separate;
        options.MaxTracked = 5;
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: options);
        Random random = new(20);
        for (int i = 0; i < 200; i++)
        {
            string name = new([.. Enumerable.Range(0, random.Next(0, 150)).Select(_ => (char)random.Next(0x20, 0x7f))]);

            Assert.Contains((await InferAsync(server, null, name)).Status, (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.BadRequest]);
        }

        for (int i = 0; i < 50; i++) Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, $"name-{i}")).Status);
        Assert.InRange(server.Tenants.All.Count, 4, 3 + 5 + 1);
        await AssertCountsAsync(server, "default", requests: 0, rows: 0);
    }

    [Fact]
    public async Task Http_OverItsRate_Is429BeforeTheBodyIsRead_AndNotTheMachines()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        ServedModel model = server.Catalog.Find("any", 0);
        byte[] body = Encoding.UTF8.GetBytes(Json);
        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, "small")).Status);
        using RawConnection connection = await RawConnection.OpenAsync(server);

        byte[] request = RawConnection.Request("any", body, headers: $"{CallerTenants.HeaderName}: small\r\n");
        await connection.SendAsync(request.AsMemory(0, request.Length - body.Length));
        (string head, byte[] text) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 429", head, StringComparison.Ordinal);
        Assert.Contains("Inference-Refusal: tenant_requests", head, StringComparison.Ordinal);
        Assert.Matches(@"Retry-After: ([5-9]\d|100)(\r|$)", head);
        Assert.Matches(@"Retry-After-Ms: ([5-9]\d|100)\d{3}(\r|$)", head);
        Assert.Equal("""{"error":"Tenant 'small' exceeds its rate of 0.01 requests a second"}""", Encoding.UTF8.GetString(text));
        Assert.Equal((1, 0), (model.Batcher.Statistics.Snapshot().Accepted, model.Batcher.Statistics.Snapshot()[RequestOutcome.Rejected]));
        await AssertCountsAsync(server, "small", requests: 2, rows: 1, (RefusalReason.TenantRequests, 1));
        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, null, "acme")).Status);
    }

    [Fact]
    public async Task Http_OverItsConcurrency_Is429_AndFreeAgainWhenOneIsGone()
    {
        using ManualResetEventSlim gate = new();
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        server.AddGated(gate);
        Task<Answer>[] running = [.. Enumerable.Range(0, 2).Select(_ => InferAsync(server, "Bearer " + Key, null, "gated"))];
        await Eventually.TrueAsync(() => server.Tenants.Find("acme"u8)!.Snapshot().InFlight == 2, "both are in flight");

        Answer third = await InferAsync(server, "Bearer " + Key, null);
        gate.Set();
        Answer[] answers = await Task.WhenAll(running);

        Assert.Equal((HttpStatusCode)429, third.Status);
        Assert.Equal(("tenant_concurrency", "1"), (third.Headers["Inference-Refusal"], third.Headers["Retry-After"]));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.Status));
        await AssertCountsAsync(server, "acme", requests: 3, rows: 2, (RefusalReason.TenantConcurrency, 1));
        Assert.Equal(HttpStatusCode.OK, (await InferAsync(server, "Bearer " + Key, null)).Status);
    }

    // A bad body, an unknown encoding, a client that goes away while it sends: none of them stays in flight.
    [Fact]
    public async Task Http_FailedCalls_DoNotStayInFlight()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        await server.InferAsync("any", "{");
        await server.InferAsync("any", Json, request => request.Content!.Headers.ContentEncoding.Add("zstd"));
        using (RawConnection connection = await RawConnection.OpenAsync(server))
        {
            byte[] request = RawConnection.Request("any", Encoding.UTF8.GetBytes(Json));
            await connection.SendAsync(request.AsMemory(0, request.Length - 5));
            await Eventually.TrueAsync(() => server.Tenants.Unnamed!.Snapshot().Requests == 3, "it has come");
            connection.Abort();
        }

        await AssertCountsAsync(server, "default", requests: 3, rows: 0);
    }

    [Fact]
    public async Task MessagePackOverHttp_OverItsRate_Is429WithTheReason()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        await InferAsync(server, null, "small");
        using HttpRequestMessage request = new(HttpMethod.Post, "/v2/models/any/infer") { Content = new ByteArrayContent(Maps.Write(Maps.Request(1))) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/msgpack");
        request.Headers.Add(CallerTenants.HeaderName, "small");

        using HttpResponseMessage answer = await server.Client.SendAsync(request, TestContext.Current.CancellationToken);
        Map error = (Map)Maps.Read(await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken))!;

        Assert.Equal((HttpStatusCode)429, answer.StatusCode);
        Assert.Equal(["tenant_requests"], answer.Headers.GetValues("Inference-Refusal"));
        Assert.Equal(("RESOURCE_EXHAUSTED", "tenant_requests"), (error["code"], error["refusal"]));
        Assert.InRange((long)error["retry_after_ms"]!, 50_000, 100_000);
    }

    [Fact]
    public async Task Frames_TenantOfTheHello_AndOfARequest()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        using FrameSocket connection = await FrameSocket.GreetAsync(server, more: new Map { ["tenant"] = "acme" });
        for (int i = 1; i <= 3; i++)
        {
            await connection.InferAsync(i, "any", Maps.Request(1));
            Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
        }

        await connection.InferAsync(4, "any", Maps.With(Maps.Request(1), "tenant", "small"));
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
        await connection.InferAsync(5, "any", Maps.With(Maps.Request(1), "tenant", "small"));
        (string kind, _, Map error) = await connection.ReceiveAsync();

        Assert.Equal(("error", "RESOURCE_EXHAUSTED", "tenant_requests"), (kind, error["code"], error["refusal"]));
        Assert.InRange((long)error["retry_after_ms"]!, 50_000, 100_000);
        await AssertCountsAsync(server, "acme", requests: 3, rows: 3);
        await AssertCountsAsync(server, "small", requests: 2, rows: 1, (RefusalReason.TenantRequests, 1));
    }

    [Fact]
    public async Task Frames_Key_GoesBeforeNames()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        using FrameSocket connection = await FrameSocket.GreetAsync(server, more: new Map { ["token"] = Key, ["tenant"] = "small" });

        await connection.InferAsync(1, "any", Maps.With(Maps.Request(1), "tenant", "small"));
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);

        await AssertCountsAsync(server, "acme", requests: 1, rows: 1);
        await AssertCountsAsync(server, "small", requests: 0, rows: 0);
    }

    [Theory]
    [InlineData("token", "wrong", "UNAUTHENTICATED", "the API key is not known")]
    [InlineData("tenant", "", "INVALID_ARGUMENT", "a tenant's name must be 1 to 128 visible ASCII characters")]
    [InlineData("tenant", "a b", "INVALID_ARGUMENT", "a tenant's name must be 1 to 128 visible ASCII characters")]
    public async Task Frames_HelloOfNobody_IsRefusedAndCloses(string key, string value, string code, string text)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        using FrameSocket connection = await FrameSocket.ConnectAsync(server);

        await connection.SendAsync("hello", 0, new Map { ["version"] = 1L, [key] = value });

        await connection.AssertErrorAsync(0, code, text);
        await connection.AssertEndAsync();
    }

    // The same bad request again: that its bytes are known does not make it good.
    [Fact]
    public async Task Frames_BadNameInARequest_IsThatCallsErrorEachTime()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        using FrameSocket connection = await FrameSocket.GreetAsync(server);
        for (int i = 1; i <= 3; i++)
        {
            await connection.InferAsync(i, "any", Maps.With(Maps.Request(1), "tenant", new string('x', 1000)));
            await connection.AssertErrorAsync(i, "INVALID_ARGUMENT", "a tenant's name must be 1 to 128 visible ASCII characters");
        }

        await connection.InferAsync(4, "any", Maps.Request(1));
        Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
        await AssertCountsAsync(server, "default", requests: 1, rows: 1);
    }

    [Fact]
    public async Task Frames_AccessTokenOrKey_EitherOpensTheDoor()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(frames: new FramesOptions { AccessToken = "sesame" }, tenants: Options());
        foreach ((string token, string tenant) in ((string, string)[])[("sesame", "default"), (Key, "acme")])
        {
            using FrameSocket connection = await FrameSocket.GreetAsync(server, more: new Map { ["token"] = token });
            await connection.InferAsync(1, "any", Maps.Request(1));
            Assert.Equal("infer", (await connection.ReceiveAsync()).Kind);
            await AssertCountsAsync(server, tenant, requests: 1, rows: 1);
        }

        using FrameSocket stranger = await FrameSocket.ConnectAsync(server);
        await stranger.SendAsync("hello", 0, new Map { ["version"] = 1L, ["token"] = "neither" });
        await stranger.AssertErrorAsync(0, "UNAUTHENTICATED", "the access token is wrong");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Client_NamesItsTenant_AndIsToldTheReason(bool isFrames)
    {
        await using InferenceServer server = await InferenceServer.StartAsync(tenants: Options());
        string address = isFrames ? $"127.0.0.1:{server.FramesPort}" : $"http://127.0.0.1:{server.Port}";
        await using InferenceClient client = new(new InferenceClientOptions { Endpoints = { address }, Tenant = "small", MaxAttempts = 1 });
        Gateway.Client.InferenceRequest request = new Gateway.Client.InferenceRequest("any").AddInput("x", new[] { 1f }, 1, 1);
        using (await client.InferAsync(request, TestContext.Current.CancellationToken))
        {
        }

        InferenceException error = await Assert.ThrowsAsync<InferenceException>(async () => await client.InferAsync(request, TestContext.Current.CancellationToken));

        Assert.Equal((StatusCode.ResourceExhausted, "tenant_requests"), (error.Status, error.Refusal));
        Assert.InRange(error.RetryAfter!.Value.TotalSeconds, 50, 100);
    }

    private static TenantsOptions Options() => new()
    {
        TrustNames = true,
        Named =
        {
            ["acme"] = new TenantOptions { Weight = 2, MaxConcurrency = 2, ApiKeys = { Key } },
            ["small"] = new TenantOptions { MaxRequestsPerSecond = 0.01, RequestBurst = 1 },
        },
    };

    private static Task<Answer> InferAsync(InferenceServer server, string? authorization, string? tenant, string model = "any") => server.InferAsync(model, Json, request =>
    {
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        if (tenant is not null) request.Headers.TryAddWithoutValidation(CallerTenants.HeaderName, tenant);
    });

    private static async Task AssertCountsAsync(InferenceServer server, string name, long requests, long rows, params (RefusalReason Reason, long Count)[] refused)
    {
        Tenant tenant = server.Tenants.All.Single(each => each.Name == name);

        // A request leaves once its answer has been written, which its client may see before.
        await Eventually.TrueAsync(() => tenant.Snapshot().InFlight == 0, "none is in flight");
        TenantCounts counts = tenant.Snapshot();
        Assert.Equal((requests, rows, refused.Sum(each => each.Count)), (counts.Requests, counts.Rows, counts.Refused.Sum()));
        Assert.All(refused, each => Assert.Equal(each.Count, counts.Refused[(int)each.Reason]));
    }
}
