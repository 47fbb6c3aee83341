using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Gateway.UnitTests.Metrics;
using Gateway.UnitTests.OpenInference;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.UnitTests.Proxy;

/// <summary>The proxy in a server, before upstreams that do what a test says.</summary>
public sealed class ProxyTests
{
    private const string OneCluster = """ "Clusters": { "c": { "Destinations": { "a": { "Address": "$0" } } } } """;

    [Fact]
    public async Task Route_Matched_PassesMethodPathHeadersAndBodyBothWays()
    {
        await using Upstream upstream = await Upstream.StartAsync(async context =>
        {
            using StreamReader body = new(context.Request.Body);
            context.Response.StatusCode = 207;
            context.Response.Headers["X-Up"] = "1";
            await context.Response.WriteAsync($"{context.Request.Method} {context.Request.Path}{context.Request.QueryString} {context.Request.Headers["X-Mine"]} {context.Request.Headers["X-Forwarded-For"]} {await body.ReadToEndAsync()}");
        });
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "Match": { "Path": "/api/{**rest}" }, "Transforms": [ { "PathRemovePrefix": "/api" } ] } """), null, upstream.Address);
        using HttpRequestMessage request = new(HttpMethod.Put, "/api/a%20b?c=d") { Content = new StringContent("body") };
        request.Headers.Add("X-Mine", "m");

        using HttpResponseMessage answer = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(207, (int)answer.StatusCode);
        Assert.Equal("1", Assert.Single(answer.Headers.GetValues("X-Up")));
        Assert.Equal("PUT /a%20b?c=d m 127.0.0.1 body", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        PrometheusText metrics = await host.ScrapeAsync();
        Assert.Equal(1, metrics["gateway_proxy_requests_total{route=\"r\",status=\"207\"}"]);
        Assert.Equal(1, metrics["gateway_proxy_request_duration_seconds_count{route=\"r\"}"]);
        Assert.Equal("PUT /a%20b?c=d m 127.0.0.1 body".Length, metrics["gateway_proxy_response_bytes_total{route=\"r\"}"]);
    }

    [Fact]
    public async Task Route_General_LeavesInferenceAlone()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync(context.Request.Path));
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "all": { "ClusterId": "c", "Match": { "Path": "{**rest}" } } """), null, upstream.Address);

        Assert.Equal((200, "/other"), await host.GetAsync("/other"));
        Assert.Equal((404, "{\"error\":\"Request for unknown model: 'm' is not found\"}"), await host.GetAsync("/v2/models/m"));
        Assert.Equal(404, (await host.GetAsync("/v2/nothing")).Status);
        Assert.Equal(404, (await host.GetAsync("/gateway/load")).Status);
        Assert.Equal((200, "{\"live\":true}"), await host.GetAsync("/v2/health/live"));
    }

    [Fact]
    public async Task Route_BeforeInference_TakesItsPathAndNothingElse()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync("up"));
        const string Text = """ "old": { "ClusterId": "c", "Match": { "Path": "/v2/models/old/{**rest}" }, "Metadata": { "BeforeInference": "true" } }, "all": { "ClusterId": "c", "AuthorizationPolicy": "anonymous", "Match": { "Path": "{**rest}" } } """;
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(Text), "t", upstream.Address);

        // The general route is anonymous; what it also matches and may not have is not.
        Assert.Equal((200, "up"), await host.GetAsync("/other"));
        Assert.Equal(401, (await host.GetAsync("/v2/models/old")).Status);
        Assert.Equal(401, (await host.GetAsync("/v2/models/new")).Status);
        host.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "t");
        Assert.Equal((200, "up"), await host.GetAsync("/v2/models/old"));
        Assert.Equal(404, (await host.GetAsync("/v2/models/new")).Status);
    }

    [Fact]
    public async Task Token_Server_IsAskedForUnlessAnonymousAndNotPassedOn()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync($"[{context.Request.Headers.Authorization}]"));
        const string Text = """
            "closed": { "ClusterId": "c", "Match": { "Path": "/closed" } }, "kept": { "ClusterId": "c", "AuthorizationPolicy": "default", "Match": { "Path": "/kept" }, "Metadata": { "KeepAuthorization": "true" } },
            "open": { "ClusterId": "c", "AuthorizationPolicy": "Anonymous", "Match": { "Path": "/open" } }, "health": { "ClusterId": "c", "Match": { "Path": "/v2/health/{**rest}" }, "Metadata": { "BeforeInference": "true" } }
            """;
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(Text), "t", upstream.Address);

        Assert.Equal(401, (await host.GetAsync("/closed")).Status);
        Assert.Equal(401, (await host.GetAsync("/kept")).Status);
        Assert.Equal(401, (await host.GetAsync("/v2/health/live")).Status);
        Assert.Equal((200, "[]"), await host.GetAsync("/open"));
        host.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "t");
        Assert.Equal((200, "[]"), await host.GetAsync("/closed"));
        Assert.Equal((200, "[Bearer t]"), await host.GetAsync("/kept"));
        Assert.Equal((200, "[Bearer t]"), await host.GetAsync("/open"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RequestBody_LargerThanTheRouteAllows_Is413(bool saysItsLength)
    {
        await using Upstream upstream = await Upstream.StartAsync(static async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            await context.Response.WriteAsync("read");
        });
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "MaxRequestBodySize": 1000, "Match": { "Path": "/r" } } """), null, upstream.Address);

        using HttpResponseMessage large = await PostAsync(host, "/r", new byte[100_000], saysItsLength);
        using HttpResponseMessage small = await PostAsync(host, "/r", new byte[900], saysItsLength);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        Assert.Equal("{\"error\":\"route 'r': the request's body is larger than the route allows\"}", await large.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, small.StatusCode);
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_limited_requests_total{reason=\"request_bytes\",route=\"r\"}"]);
    }

    [Fact]
    public async Task ResponseBody_LargerThanTheRouteAllows_IsAnErrorOrBreaksOff()
    {
        TaskCompletionSource firstPart = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream upstream = await Upstream.StartAsync(async context =>
        {
            if (context.Request.Path == "/said") context.Response.ContentLength = context.Request.Query.ContainsKey("small") ? 1000 : 1001;
            if (context.Request.Path == "/slow")
            {
                await context.Response.Body.WriteAsync(new byte[500]);
                await firstPart.Task;
            }

            await context.Response.Body.WriteAsync(new byte[context.Request.Query.ContainsKey("small") ? 1000 : 1001]);
        });
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "Match": { "Path": "{**rest}" }, "Metadata": { "MaxResponseBytes": "1000" } } """), null, upstream.Address);

        Assert.Equal((502, "{\"error\":\"route 'r': the upstream's response is larger than the route allows\"}"), await host.GetAsync("/said"));
        Assert.Equal(502, (await host.GetAsync("/streamed")).Status);
        using (HttpResponseMessage started = await host.Client.GetAsync(new Uri("/slow", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken))
        {
            // The status is with the client already: all that can be done is not to let it take a part for the whole.
            firstPart.SetResult();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => started.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal(1000, (await host.GetAsync("/said?small")).Body.Length);
        Assert.Equal(1000, (await host.GetAsync("/streamed?small")).Body.Length);
        using HttpResponseMessage head = await host.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/said"), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        PrometheusText metrics = await host.ScrapeAsync();
        Assert.Equal(3, metrics["gateway_proxy_limited_requests_total{reason=\"response_bytes\",route=\"r\"}"]);
        Assert.Equal(2, metrics["gateway_proxy_errors_total{error=\"response_body_destination\",route=\"r\"}"]);
    }

    [Fact]
    public async Task Timeout_OfTheRoute_Is504()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "Timeout": "00:00:00.2", "Match": { "Path": "/r" } } """), null, upstream.Address);

        Assert.Equal((504, "{\"error\":\"route 'r': not answered within its time\"}"), await host.GetAsync("/r"));
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_limited_requests_total{reason=\"timeout\",route=\"r\"}"]);
    }

    [Fact]
    public async Task FirstByteTimeout_OfTheCluster_Is504AndTriedElsewhere()
    {
        await using Upstream slow = await Upstream.StartAsync(static context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using Upstream fast = await Upstream.StartAsync(static context => context.Response.WriteAsync("fast"));
        const string Text = """
            { "ReverseProxy": { "Routes": { "slow": { "ClusterId": "slow", "Match": { "Path": "/slow" } }, "both": { "ClusterId": "both", "Match": { "Path": "/both" } } },
              "Clusters": { "slow": { "Destinations": { "a": { "Address": "$0" } } }, "both": { "LoadBalancingPolicy": "FirstAlphabetical", "Destinations": { "a": { "Address": "$0" }, "b": { "Address": "$1" } } } } },
              "Gateway": { "Resilience": { "slow": { "FirstByteTimeout": "00:00:00.2" }, "both": { "FirstByteTimeout": "00:00:00.2", "Retry": {} } } } }
            """;
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, slow.Address, fast.Address);

        Assert.Equal((504, "{\"error\":\"route 'slow': the upstream did not answer within 0.2 s\"}"), await host.GetAsync("/slow"));
        Assert.Equal((200, "fast"), await host.GetAsync("/both"));
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_retries_total{cluster=\"both\"}"]);
    }

    [Fact]
    public async Task Retry_UpstreamThatIsDown_IsTriedElsewhereWhateverTheMethod()
    {
        await using Upstream up = await Upstream.StartAsync(static async context => await context.Request.Body.CopyToAsync(context.Response.Body));
        await using ProxyHost host = await ProxyHost.StartAsync(TwoDestinations(""" "Retry": { "Budget": 1 } """), null, DownAddress(), up.Address);

        using HttpResponseMessage posted = await PostAsync(host, "/r", new byte[100_000], saysItsLength: false);

        Assert.Equal(100_000, (await posted.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
        Assert.Equal((200, ""), await host.GetAsync("/r"));
        Assert.Equal(2, (await host.ScrapeAsync())["gateway_proxy_retries_total{cluster=\"c\"}"]);
    }

    [Fact]
    public async Task Retry_UpstreamThatFails_IsTriedElsewhereOnlyWhereItIsSafe()
    {
        await using Upstream bad = await Upstream.StartAsync(static async context =>
        {
            await context.Request.Body.CopyToAsync(Stream.Null);
            context.Response.StatusCode = 503;
        });
        await using Upstream good = await Upstream.StartAsync(static async context => await context.Request.Body.CopyToAsync(context.Response.Body));
        await using ProxyHost host = await ProxyHost.StartAsync(TwoDestinations(""" "Retry": { "Budget": 1, "MaxBodyBytes": 1000 } """), null, bad.Address, good.Address);

        using HttpResponseMessage post = await PostAsync(host, "/r", new byte[10], saysItsLength: true);
        using HttpResponseMessage put = await host.Client.PutAsync(new Uri("/r", UriKind.Relative), new ByteArrayContent(new byte[1000]), TestContext.Current.CancellationToken);
        using HttpResponseMessage largePut = await host.Client.PutAsync(new Uri("/r", UriKind.Relative), new ByteArrayContent(new byte[1001]), TestContext.Current.CancellationToken);

        Assert.Equal(503, (int)post.StatusCode);
        Assert.Equal(1000, (await put.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length);
        Assert.Equal(503, (int)largePut.StatusCode);
        Assert.Equal((200, ""), await host.GetAsync("/r"));
    }

    [Fact]
    public async Task Retry_NoMoreBudget_IsDenied()
    {
        await using Upstream bad = await Upstream.StartAsync(static context =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using ProxyHost host = await ProxyHost.StartAsync(TwoDestinations(""" "Retry": { "Budget": 0.1, "Delay": "00:00:00" } """), null, bad.Address, bad.Address);

        for (int i = 0; i < 20; i++) Assert.Equal(503, (await host.GetAsync("/r")).Status);

        // Ten saved, and a tenth of each of the twenty.
        PrometheusText metrics = await host.ScrapeAsync();
        Assert.InRange(metrics["gateway_proxy_retries_total{cluster=\"c\"}"], 11, 12);
        Assert.InRange(metrics["gateway_proxy_denied_retries_total{cluster=\"c\"}"], 8, 9);
    }

    [Fact]
    public async Task Circuit_UpstreamThatFails_OpensAndSaysWhenToComeBack()
    {
        await using Upstream bad = await Upstream.StartAsync(static context =>
        {
            context.Response.StatusCode = 500;
            return Task.CompletedTask;
        });
        await using ProxyHost host = await ProxyHost.StartAsync(
            Routes(""" "r": { "ClusterId": "c", "Match": { "Path": "/r" } } """, """ "Resilience": { "c": { "CircuitBreaker": { "MinimumThroughput": 3, "BreakDuration": "00:01:00" } } } """), null, bad.Address);

        for (int i = 0; i < 3; i++) Assert.Equal(500, (await host.GetAsync("/r")).Status);
        using HttpResponseMessage refused = await host.Client.GetAsync(new Uri("/r", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal(503, (int)refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 50, 60);
        Assert.Equal("{\"error\":\"route 'r': the upstream fails and is left alone for a while\"}", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(3, bad.Requests);
        PrometheusText metrics = await host.ScrapeAsync();
        Assert.Equal(0, metrics["gateway_proxy_circuit_closed{cluster=\"c\",destination=\"a\"}"]);
        Assert.Equal(1, metrics["gateway_proxy_opened_circuits_total{cluster=\"c\"}"]);
    }

    [Fact]
    public async Task RateLimit_Exceeded_Is429WithRetryAfter()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync("up"));
        await using ProxyHost host = await ProxyHost.StartAsync(
            Routes(""" "r": { "ClusterId": "c", "RateLimiterPolicy": "few", "Match": { "Path": "/r" } }, "s": { "ClusterId": "c", "RateLimiterPolicy": "few", "Match": { "Path": "/s" } } """, """ "RateLimits": { "few": { "Requests": 2, "Window": "01:00:00" } } """), null, upstream.Address);

        int[] statuses = [(await host.GetAsync("/r")).Status, (await host.GetAsync("/r")).Status];
        using HttpResponseMessage refused = await host.Client.GetAsync(new Uri("/r", UriKind.Relative), TestContext.Current.CancellationToken);

        Assert.Equal([200, 200], statuses);
        Assert.Equal(429, (int)refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 3600);
        Assert.Equal("{\"error\":\"route 'r': too many requests\"}", await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(200, (await host.GetAsync("/s")).Status);
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_limited_requests_total{reason=\"rate\",route=\"r\"}"]);

        await host.ChangeAsync(Routes(""" "r": { "ClusterId": "c", "RateLimiterPolicy": "few", "Match": { "Path": "/r" } } """, """ "RateLimits": { "few": { "Requests": 3, "Window": "01:00:00" } } """), upstream.Address);
        Assert.Equal(200, (await host.GetAsync("/r")).Status);
    }

    [Fact]
    public async Task Concurrency_MoreThanAllowed_WaitInABoundedQueueInTheirTime()
    {
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream upstream = await Upstream.StartAsync(context => context.Request.Path == "/r" ? leave.Task : Task.CompletedTask);
        await using ProxyHost host = await ProxyHost.StartAsync(
            Routes(
                """ "r": { "ClusterId": "c", "RateLimiterPolicy": "one", "Match": { "Path": "/r" } }, "t": { "ClusterId": "c", "RateLimiterPolicy": "one", "Timeout": "00:00:00.2", "Match": { "Path": "/{t:regex(^t$)}" } } """,
                """ "RateLimits": { "one": { "Concurrency": 1, "Queue": 1 } } """),
            null,
            upstream.Address);

        Task<(int Status, string Body)> first = host.GetAsync("/r");
        await Eventually.TrueAsync(() => upstream.Requests == 1, "the first is there");
        Task<(int Status, string Body)> second = host.GetAsync("/r");
        await EventuallyInFlightAsync(host, 2);
        Assert.Equal(429, (await host.GetAsync("/r")).Status);
        Assert.False(second.IsCompleted);
        leave.SetResult();

        Assert.Equal(200, (await first).Status);
        Assert.Equal(200, (await second).Status);
        Assert.Equal(2, upstream.Requests);
    }

    [Fact]
    public async Task RateAndConcurrency_WhatConcurrencyRefuses_CostsTheRateNothing()
    {
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream upstream = await Upstream.StartAsync(_ => leave.Task);
        await using ProxyHost host = await ProxyHost.StartAsync(
            Routes(""" "r": { "ClusterId": "c", "RateLimiterPolicy": "both", "Match": { "Path": "/r" } } """, """ "RateLimits": { "both": { "Requests": 4, "Window": "01:00:00", "Concurrency": 1 } } """), null, upstream.Address);

        Task<(int Status, string Body)> first = host.GetAsync("/r");
        await Eventually.TrueAsync(() => upstream.Requests == 1, "the first is there");
        for (int i = 0; i < 4; i++) Assert.Equal(429, (await host.GetAsync("/r")).Status);
        leave.SetResult();

        Assert.Equal(200, (await first).Status);
        for (int i = 0; i < 3; i++) Assert.Equal(200, (await host.GetAsync("/r")).Status);
        Assert.Equal(429, (await host.GetAsync("/r")).Status);
    }

    [Fact]
    public async Task Concurrency_TimeIsOverWhileWaiting_Is504()
    {
        await using Upstream upstream = await Upstream.StartAsync(static context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        await using ProxyHost host = await ProxyHost.StartAsync(
            Routes(""" "r": { "ClusterId": "c", "RateLimiterPolicy": "one", "Timeout": "00:00:00.3", "Match": { "Path": "/r" } } """, """ "RateLimits": { "one": { "Concurrency": 1, "Queue": 5 } } """), null, upstream.Address);

        (int Status, string Body)[] answers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => host.GetAsync("/r")));

        Assert.All(answers, answer => Assert.Equal((504, "{\"error\":\"route 'r': not answered within its time\"}"), answer));
    }

    public static TheoryData<string, int, string> Misbehaviours => new()
    {
        { "HELLO WORLD\r\n\r\n", 502, "the upstream answered what is not HTTP" },
        { "", 502, "the upstream closed the connection before it answered" },
        { "HTTP/1.1 200 OK\r\nContent-", 502, "the upstream closed the connection before it answered" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", 0, "" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", 0, "" },
    };

    [Theory]
    [MemberData(nameof(Misbehaviours))]
    public async Task Upstream_Misbehaves_IsAClearErrorAndNothingElseIsHurt(string answer, int status, string reason)
    {
        await using RawUpstream bad = new(Encoding.ASCII.GetBytes(answer));
        await using Upstream good = await Upstream.StartAsync(static context => context.Response.WriteAsync("good"));
        const string Text = """
            { "ReverseProxy": { "Routes": { "bad": { "ClusterId": "bad", "Match": { "Path": "/bad" } }, "good": { "ClusterId": "good", "Match": { "Path": "/good" } } },
              "Clusters": { "bad": { "Destinations": { "a": { "Address": "$0" } } }, "good": { "Destinations": { "a": { "Address": "$1" } } } } } }
            """;
        await using ProxyHost host = await ProxyHost.StartAsync(Text, null, bad.Address, good.Address);

        if (status == 0) await AssertBreaksOffAsync(host, "/bad");
        else Assert.Equal((status, $"{{\"error\":\"route 'bad': {reason}\"}}"), await host.GetAsync("/bad"));

        Assert.Equal((200, "good"), await host.GetAsync("/good"));
    }

    [Fact]
    public async Task Upstream_Down_IsAClearError()
    {
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "Match": { "Path": "/r" } } """), null, DownAddress());

        Assert.Equal((502, "{\"error\":\"route 'r': no connection to the upstream can be made\"}"), await host.GetAsync("/r"));
        using HttpRequestMessage call = new(HttpMethod.Post, "/r") { Content = new ByteArrayContent([]) };
        call.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using HttpResponseMessage answer = await host.Client.SendAsync(call, TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)answer.StatusCode);
        Assert.Equal("14", Assert.Single(answer.Headers.GetValues("grpc-status")));
    }

    [Fact]
    public async Task Cluster_WithoutDestinations_Is503()
    {
        await using ProxyHost host = await ProxyHost.StartAsync("""{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } }, "Clusters": { "c": {} } } }""");

        Assert.Equal((503, "{\"error\":\"route 'r': no upstream is available\"}"), await host.GetAsync("/r"));
    }

    [Fact]
    public async Task Change_GoodAndBad_UnderLoad_LosesNoRequest()
    {
        await using Upstream one = await Upstream.StartAsync(static context => context.Response.WriteAsync("one"));
        await using Upstream two = await Upstream.StartAsync(static context => context.Response.WriteAsync("two"));
        const string Route = """ "r": { "ClusterId": "c", "Match": { "Path": "/r" } } """;
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(Route), null, one.Address);
        using CancellationTokenSource stop = new();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(async _ =>
        {
            int answers = 0;
            while (!stop.IsCancellationRequested)
            {
                (int status, string body) = await host.GetAsync("/r");
                Assert.Equal(200, status);
                Assert.True(body is "one" or "two");
                answers++;
            }

            return answers;
        })];

        for (int i = 0; i < 20; i++)
        {
            await host.ChangeAsync(Routes(Route), (i % 2 == 0 ? two : one).Address);
            await host.ChangeAsync("{", one.Address);
            await host.ChangeAsync(Routes(""" "r": { "ClusterId": "none", "Match": { "Path": "/r" } } """), one.Address);
        }

        await host.ChangeAsync(Routes(Route), two.Address);
        await Eventually.TrueAsync(() => host.GetAsync("/r").GetAwaiter().GetResult().Body == "two", "the last change is in use");
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(clients), answers => Assert.True(answers > 0));
        PrometheusText metrics = await host.ScrapeAsync();

        // The server looks at the file too, whenever a second is over.
        Assert.True(metrics["gateway_proxy_config_reloads_total{outcome=\"refused\"}"] >= 40);
        Assert.True(metrics["gateway_proxy_config_reloads_total{outcome=\"taken\"}"] >= 21);
        Assert.Equal(1, metrics["gateway_proxy_config_current"]);
    }

    /// <summary>Whatever goes wrong when a change is looked at, the next one is looked at, too.</summary>
    [Fact]
    public async Task Reload_FailsUnexpectedly_IsCounted_AndTheFilesAreWatchedOn()
    {
        const string Route = """ "r": { "ClusterId": "c", "Match": { "Path": "/r" } } """;
        await using Upstream upstream = await Upstream.StartAsync(static context => context.Response.WriteAsync("one"));
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(Route), null, upstream.Address);
        FailingValidator validator = new();
        host.Watch(validator);

        for (int change = 1; change <= 2; change++)
        {
            int before = validator.Calls;
            await host.WriteAsync(Routes(""" "r": { "ClusterId": "c", "Order": {{change}}, "Match": { "Path": "/r" } } """.Replace("{{change}}", $"{change}", StringComparison.Ordinal)), upstream.Address);
            await Eventually.TrueAsync(() => validator.Calls > before, "the change is looked at");
        }

        Assert.True((await host.ScrapeAsync())["gateway_proxy_config_reloads_total{outcome=\"refused\"}"] >= 1);
        Assert.Equal((200, "one"), await host.GetAsync("/r"));
    }

    private sealed class FailingValidator : IConfigValidator
    {
        private int _calls;

        public int Calls => Volatile.Read(ref _calls);

        public ValueTask<IList<Exception>> ValidateClusterAsync(ClusterConfig cluster)
        {
            Interlocked.Increment(ref _calls);
            throw new InvalidOperationException("the validator is broken");
        }

        public ValueTask<IList<Exception>> ValidateRouteAsync(RouteConfig route) => throw new InvalidOperationException("the validator is broken");
    }

    [Fact]
    public async Task Stop_RequestUnderWay_IsFinished()
    {
        TaskCompletionSource leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Upstream upstream = await Upstream.StartAsync(async context =>
        {
            await leave.Task;
            await context.Response.WriteAsync("done");
        });
        await using ProxyHost host = await ProxyHost.StartAsync(Routes(""" "r": { "ClusterId": "c", "Match": { "Path": "/r" } } """), null, upstream.Address);
        Task<(int Status, string Body)> answer = host.GetAsync("/r");
        await Eventually.TrueAsync(() => upstream.Requests == 1, "it is there");

        Task<int> stopped = host.StopAsync();
        Assert.False(stopped.IsCompleted);
        leave.SetResult();

        Assert.Equal((200, "done"), await answer);
        Assert.Equal(0, await stopped);
    }

    [Theory]
    [InlineData("Cookie")]
    [InlineData("ArrCookie")]
    [InlineData("CustomHeader")]
    public async Task SessionAffinity_EachPolicyLeft_StaysWithItsDestination(string policy)
    {
        await using Upstream one = await Upstream.StartAsync(static context => context.Response.WriteAsync("one"));
        await using Upstream two = await Upstream.StartAsync(static context => context.Response.WriteAsync("two"));
        string text = """
            { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "RoundRobin", "SessionAffinity": { "Enabled": true, "Policy": "POLICY", "AffinityKeyName": "X-Key" }, "Destinations": { "a": { "Address": "$0" }, "b": { "Address": "$1" } } } } } }
            """.Replace("POLICY", policy, StringComparison.Ordinal);
        await using ProxyHost host = await ProxyHost.StartAsync(text, null, one.Address, two.Address);

        using HttpResponseMessage first = await host.Client.GetAsync(new Uri("/r", UriKind.Relative), TestContext.Current.CancellationToken);
        string chosen = await first.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        if (policy == "CustomHeader") host.Client.DefaultRequestHeaders.Add("X-Key", first.Headers.GetValues("X-Key").Single());

        for (int i = 0; i < 5; i++) Assert.Equal((200, chosen), await host.GetAsync("/r"));
    }

    [Fact]
    public async Task Destinations_OfAService_FollowItsRecords()
    {
        await using Upstream one = await Upstream.StartAsync(static context => context.Response.WriteAsync($"one {context.Request.Host}"));
        await using Upstream two = await Upstream.StartAsync(static context => context.Response.WriteAsync($"two {context.Request.Host}"));
        await using TestDnsServer names = new();
        names.SetHosts("host.test", 0, "127.0.0.1");
        names.SetServices("_http._tcp.api.test", 0, (1, 1, (ushort)new Uri(one.Address).Port, "host.test"));
        string text = """
            { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } }, "Clusters": { "c": { "Destinations": { "a": { "Address": "srv+http://_http._tcp.api.test" } } } } },
              "Gateway": { "Dns": { "NameServers": [ "$0" ], "MinimumTtl": "00:00:00.1", "RetryInterval": "00:00:00.1" } } }
            """;
        await using ProxyHost host = await ProxyHost.StartAsync(text, null, names.Address);
        Assert.Equal((200, $"one host.test:{new Uri(one.Address).Port}"), await host.GetAsync("/r"));

        names.SetServices("_http._tcp.api.test", 0, (1, 1, (ushort)new Uri(two.Address).Port, "host.test"));
        await EventuallyAsync(host, $"two host.test:{new Uri(two.Address).Port}");

        // What cannot be found any more is kept where it was.
        names.IsSilent = true;
        Assert.Equal(200, (await host.GetAsync("/r")).Status);
        Assert.Equal(1, (await host.ScrapeAsync())["gateway_proxy_destinations{cluster=\"c\",state=\"available\"}"]);
    }

    [Fact]
    public async Task Destinations_InAFile_FollowIt()
    {
        await using Upstream one = await Upstream.StartAsync(static context => context.Response.WriteAsync("one"));
        await using Upstream two = await Upstream.StartAsync(static context => context.Response.WriteAsync("two"));
        string path = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, one.Address, TestContext.Current.CancellationToken);
            await using ProxyHost host = await ProxyHost.StartAsync("""{ "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } }, "Clusters": { "c": { "Destinations": { "a": { "Address": "$0" } } } } } }""", null, new Uri(path).AbsoluteUri);
            Assert.Equal((200, "one"), await host.GetAsync("/r"));

            await File.WriteAllTextAsync(path, "nonsense", TestContext.Current.CancellationToken);
            await Eventually.TrueAsync(() => host.ScrapeAsync().GetAwaiter().GetResult()[$"gateway_proxy_resolutions_total{{address=\"{new Uri(path).AbsoluteUri}\",outcome=\"failed\"}}"] > 0, "it was refused");
            Assert.Equal((200, "one"), await host.GetAsync("/r"));

            await File.WriteAllTextAsync(path, two.Address, TestContext.Current.CancellationToken);
            await EventuallyAsync(host, "two");
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public async Task Health_ActiveCheckThatFails_TakesADestinationOut()
    {
        bool isHealthy = true;
        await using Upstream one = await Upstream.StartAsync(context =>
        {
            if (context.Request.Path == "/health" && !Volatile.Read(ref isHealthy)) context.Response.StatusCode = 500;
            return context.Response.WriteAsync("one");
        });
        await using Upstream two = await Upstream.StartAsync(static context => context.Response.WriteAsync("two"));
        string text = """
            { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } },
              "Clusters": { "c": { "LoadBalancingPolicy": "FirstAlphabetical", "HealthCheck": { "Active": { "Enabled": true, "Interval": "00:00:00.1", "Timeout": "00:00:01", "Path": "/health" } },
                "Metadata": { "ConsecutiveFailuresHealthPolicy.Threshold": "2" }, "Destinations": { "a": { "Address": "$0" }, "b": { "Address": "$1" } } } } } }
            """;
        await using ProxyHost host = await ProxyHost.StartAsync(text, null, one.Address, two.Address);
        Assert.Equal((200, "one"), await host.GetAsync("/r"));

        Volatile.Write(ref isHealthy, false);
        await EventuallyAsync(host, "two");
        Volatile.Write(ref isHealthy, true);
        await EventuallyAsync(host, "one");
    }

    private static async Task EventuallyAsync(ProxyHost host, string body)
    {
        while ((await host.GetAsync("/r")).Body != body) await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
    }

    private static string Routes(string routes, string own = "") => $$"""{ "ReverseProxy": { "Routes": { {{routes}} }, {{OneCluster}} }, "Gateway": { {{own}} } }""";

    private static string TwoDestinations(string resilience) => $$"""
        { "ReverseProxy": { "Routes": { "r": { "ClusterId": "c", "Match": { "Path": "/r" } } },
          "Clusters": { "c": { "LoadBalancingPolicy": "FirstAlphabetical", "Destinations": { "a": { "Address": "$0" }, "b": { "Address": "$1" } } } } },
          "Gateway": { "Resilience": { "c": { {{resilience}} } } } }
        """;

    /// <summary>A port that nobody listens on: bound, so that nobody else will.</summary>
    private static string DownAddress()
    {
        Socket bound = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return $"http://{bound.LocalEndPoint}";
    }

    private static async Task<HttpResponseMessage> PostAsync(ProxyHost host, string path, byte[] body, bool saysItsLength)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        if (!saysItsLength) request.Headers.TransferEncodingChunked = true;
        return await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    /// <summary>A response that has begun cannot be taken back; one that has not is an error. Which it is depends on how its bytes come.</summary>
    private static async Task AssertBreaksOffAsync(ProxyHost host, string path)
    {
        try
        {
            (int status, string body) = await host.GetAsync(path);
            Assert.Equal(502, status);
            Assert.Contains("the upstream's response broke off", body, StringComparison.Ordinal);
        }
        catch (HttpRequestException)
        {
            // Cut.
        }
    }

    private static async Task EventuallyInFlightAsync(ProxyHost host, int requests)
    {
        while ((await host.ScrapeAsync())["gateway_proxy_in_flight_requests{route=\"r\"}"] != requests) TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
    }
}
