using System.Net;
using System.Text;
using Gateway.Client;

namespace Gateway.IntegrationTests.Caching;

/// <summary>What requests may say of the cache, what answers say of it, and what an operator may.</summary>
public sealed class RequestTests
{
    private static readonly Question Digit = Question.Samples(1)[0];

    private readonly HttpClient _client = new();

    [Fact]
    public async Task Headers_EachWord_DoesAsItSays()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path);

        using HttpResponseMessage notCached = await AskAsync(server, Digit, "Cache-Control", "max-age=60, Only-If-Cached");
        Assert.Equal(HttpStatusCode.GatewayTimeout, notCached.StatusCode);
        Assert.Equal("""{"error":"The cache has no answer, and the request is not to be run (only-if-cached)"}""", await notCached.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("gateway; fwd=bypass", await StatusAsync(server, "Inference-Cache", "bypass"));
        Assert.Equal("gateway; fwd=bypass", await StatusAsync(server, "Cache-Control", "no-cache, no-store"));
        Assert.Equal("gateway; fwd=miss", await StatusAsync(server, "Inference-Cache", "no-store"));
        Assert.Equal("gateway; fwd=miss", await StatusAsync(server, "Cache-Control", "No-Store"));
        Assert.Equal("gateway; fwd=miss; stored", await StatusAsync(server, "Inference-Cache", "use"));
        Assert.Equal("gateway; hit", await StatusAsync(server));
        Assert.Equal("gateway; hit", await StatusAsync(server, "Cache-Control", "no-store"));
        Assert.Equal("gateway; hit", await StatusAsync(server, "Cache-Control", "only-if-cached"));
        Assert.Equal("gateway; fwd=request; stored", await StatusAsync(server, "Cache-Control", "max-age=0"));
        Assert.Equal("gateway; fwd=request; stored", await StatusAsync(server, "Inference-Cache", "refresh"));
        Assert.Equal("gateway; fwd=request; stored", await StatusAsync(server, "Cache-Control", "no-cache"));

        // In the body, as a parameter; a header adds to it.
        Assert.Equal("gateway; fwd=bypass", await StatusAsync(server, parameters: ""","parameters":{"cache":"bypass"}"""));
        Assert.Equal("gateway; fwd=request; stored", await StatusAsync(server, parameters: ""","parameters":{"cache":"refresh"}"""));
        Assert.Equal("gateway; fwd=bypass", await StatusAsync(server, "Cache-Control", "no-store", ""","parameters":{"cache":"refresh"}"""));
        Assert.Equal("gateway; hit", await StatusAsync(server, parameters: ""","parameters":{"cache":"use"}"""));

        await RefusedAsync(server, "Inference-Cache", "sometimes", "", "Unable to parse Inference-Cache, expected one of use, keep, refresh, no-store, bypass, only-if-cached, got: sometimes");
        await RefusedAsync(server, null, null, ""","parameters":{"cache":"sometimes"}""", "use, keep, refresh, no-store, bypass, only-if-cached");
        await RefusedAsync(server, null, null, ""","parameters":{"cache":1}""", "cache");
    }

    [Fact]
    public async Task Words_InEveryProtocol_DoAsTheySay()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path);
        await using Asker asker = new(server);
        int number = 100;
        foreach (bool asHeader in new[] { false, true })
        {
            foreach (string protocol in asHeader ? ["JSON", "binary", "gRPC", "gRPC, typed"] : Asker.Protocols)
            {
                Question question = Question.Samples(number++)[0];
                List<string> said = [];
                foreach (string word in new[] { "bypass", "no-store", "use", "use", "refresh", "no-store", "keep", "bypass" }) said.Add(await asker.StatusAsync(protocol, question, word, asHeader));
                Assert.True(said is ["bypassed", "miss", "miss", "hit", "refreshed", "hit", "hit", "bypassed"], $"{protocol}: {string.Join(' ', said)}");
                Question other = Question.Samples(number++)[0];
                Assert.Equal("", await asker.StatusAsync(protocol, other, "only-if-cached", asHeader));
                Assert.Equal(("miss", "hit"), (await asker.StatusAsync(protocol, other, "keep", asHeader), await asker.StatusAsync(protocol, other, "use", asHeader)));
                Assert.Equal("hit", await asker.StatusAsync(protocol, other, "only-if-cached", asHeader));
            }
        }
    }

    [Fact]
    public async Task Age_OfAHit_IsItsSecondsAndOnlyAHitHasIt()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path);
        using HttpResponseMessage miss = await AskAsync(server, Digit);
        await Task.Delay(TimeSpan.FromSeconds(1.1), TimeProvider.System, TestContext.Current.CancellationToken);
        using HttpResponseMessage hit = await AskAsync(server, Digit);

        Assert.Null(miss.Headers.Age);
        Assert.InRange(hit.Headers.Age!.Value.TotalSeconds, 1, 30);

        // Not too old for who takes what is a minute old; too old for who takes a second.
        Assert.Equal("gateway; hit", await StatusAsync(server, "Cache-Control", "max-age=60"));
        Assert.Equal("gateway; fwd=miss; stored", await StatusAsync(server, "Cache-Control", "no-transform, max-age=1"));
        Assert.Equal("gateway; hit", await StatusAsync(server, "Cache-Control", "max-age=1x"));

        // The .NET client shows the same.
        await using InferenceClient client = new(server.FramesAddress);
        using InferenceResponse response = await client.InferAsync(Digit.Message(), TestContext.Current.CancellationToken);
        Assert.Equal("hit", response.CacheStatus);
        Assert.InRange(response.CacheAge!.Value.TotalSeconds, 0, 30);
    }

    [Fact]
    public async Task Model_WithoutACache_SaysNothingOfOneAndStillReadsTheHeader()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync();
        await using Asker asker = new(server);
        using HttpResponseMessage answer = await AskAsync(server, Digit, "Inference-Cache", "refresh");
        using HttpResponseMessage notCached = await AskAsync(server, Digit, "Cache-Control", "only-if-cached");

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.GatewayTimeout), (answer.StatusCode, notCached.StatusCode));
        foreach (string protocol in Asker.Protocols) Assert.Equal((protocol, ""), (protocol, await asker.StatusAsync(protocol, Digit, "only-if-cached")));
        Assert.False(answer.Headers.Contains("Cache-Status"));
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync(server, "/v2/models/digits/cache")).Status);
    }

    [Fact]
    public async Task Delete_ModelVersionOrAll_NothingOfItIsUsed()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path);
        Question wine = Question.Samples(1)[1];
        foreach (string path in new[] { "/v2/models/digits/cache", "/v2/models/digits/versions/1/cache", "/v2/cache" })
        {
            await AskAsync(server, Digit);
            await AskAsync(server, wine);
            Assert.Equal("gateway; hit", await StatusAsync(server));
            await EntriesAsync(server, 2);
            Assert.Equal((HttpStatusCode.OK, path == "/v2/cache" ? """{"deleted":2}""" : """{"deleted":1}"""), await DeleteAsync(server, path));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
            Assert.Equal("gateway; fwd=miss; stored", await StatusAsync(server));
            using HttpResponseMessage other = await AskAsync(server, wine);
            Assert.Equal(path == "/v2/cache" ? "gateway; fwd=miss; stored" : "gateway; hit", other.Headers.GetValues("Cache-Status").Single());
            await DeleteAsync(server, "/v2/cache");

            // What is answered in the millisecond of a deletion counts as before it.
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, TestContext.Current.CancellationToken);
        }

        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync(server, "/v2/models/none/cache")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await DeleteAsync(server, "/v2/models/digits/versions/2/cache")).Status);
        Assert.Equal((HttpStatusCode.NotFound, """{"error":"Request for unknown model: 'digits' version 0 is not found"}"""), await DeleteAsync(server, "/v2/models/digits/versions/0/cache"));
        using HttpResponseMessage wrong = await _client.GetAsync(new Uri(server.HttpAddress + "/v2/cache"), TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, "DELETE"), (wrong.StatusCode, wrong.Content.Headers.Allow.Single()));
    }

    [Fact]
    public async Task Metrics_AfterHitsAndMisses_HaveTritonsNames()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path, "--cache-config", "local,size=8388608");
        await AskAsync(server, Digit);
        await AskAsync(server, Digit);
        await AskAsync(server, Digit, "Inference-Cache", "bypass");
        await EntriesAsync(server, 1);
        string page = await _client.GetStringAsync(new Uri(server.MetricsAddress), TestContext.Current.CancellationToken);

        foreach (string line in new[]
        {
            "nv_cache_num_hits_per_model{model=\"digits\",version=\"1\"} 1", "nv_cache_num_misses_per_model{model=\"digits\",version=\"1\"} 1",
            "nv_cache_num_lookups 2", "nv_cache_num_hits 1", "nv_cache_num_misses 1", "nv_cache_num_evictions 0", "nv_cache_num_entries 1",
            "gateway_cache_bypasses_total{model=\"digits\",version=\"1\"} 1", "gateway_cache_insertions_total{model=\"digits\",version=\"1\"} 1",
        })
        {
            Assert.Contains($"\n{line}\n", page, StringComparison.Ordinal);
        }

        foreach (string name in new[]
        {
            "nv_cache_hit_duration_per_model", "nv_cache_miss_duration_per_model", "nv_cache_lookup_duration", "nv_cache_insertion_duration", "nv_cache_util",
            "gateway_cache_joins_total", "gateway_cache_disk_hits_total", "gateway_cache_evictions_total", "gateway_cache_spilled_bytes_total", "gateway_cache_hit_age_seconds_bucket",
        })
        {
            Assert.Matches($@"(?m)^{name}(\{{[^}}]*\}})? \d", page);
        }
    }

    [Theory]
    [InlineData("redis,host=somewhere", "there is no cache 'redis' here")]
    [InlineData("local,size=many", "'local,size=many' is not valid")]
    [InlineData("local,size=1000", "size=1000 is too little")]
    public async Task CacheConfig_Wrong_IsRefusedByName(string config, string problem)
    {
        await using GatewayProcess server = GatewayProcess.Run(["--http-port", "0", "--cache-config", config]);

        Assert.NotEqual(0, await server.WaitForExitAsync());
        Assert.Contains(problem, server.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CacheConfig_NoMemory_WarnsAndServesWithoutACache()
    {
        using CachedRepository repository = new();
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--model-repository", repository.Path, "--cache-config", "local,size=0");
        using HttpResponseMessage answer = await AskAsync(server, Digit);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Cache-Status"));
        Assert.Contains("asks for a response cache, and the server's has no memory", server.Error, StringComparison.Ordinal);
    }

    private async Task<string> StatusAsync(GatewayProcess server, string? header = null, string? value = null, string parameters = "")
    {
        using HttpResponseMessage answer = await AskAsync(server, Digit, header, value, parameters);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return answer.Headers.GetValues("Cache-Status").Single();
    }

    private async Task RefusedAsync(GatewayProcess server, string? header, string? value, string parameters, string error)
    {
        using HttpResponseMessage answer = await AskAsync(server, Digit, header, value, parameters);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(error, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private async Task<HttpResponseMessage> AskAsync(GatewayProcess server, Question question, string? header = null, string? value = null, string parameters = "")
    {
        using HttpRequestMessage request = new(HttpMethod.Post, $"{server.HttpAddress}/v2/models/{question.Model}/infer")
        {
            Content = new StringContent(question.Json(parameters), Encoding.UTF8, "application/json"),
        };
        if (header is not null) request.Headers.TryAddWithoutValidation(header, value);
        return await _client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<(HttpStatusCode Status, string Body)> DeleteAsync(GatewayProcess server, string path)
    {
        using HttpResponseMessage answer = await _client.DeleteAsync(new Uri(server.HttpAddress + path), TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Waits until what was answered has been counted in: the writer is behind the answers by microseconds.</summary>
    private async Task EntriesAsync(GatewayProcess server, int entries)
    {
        while (!(await _client.GetStringAsync(new Uri(server.MetricsAddress), TestContext.Current.CancellationToken)).Contains($"\nnv_cache_num_entries {entries}\n", StringComparison.Ordinal))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }
}
