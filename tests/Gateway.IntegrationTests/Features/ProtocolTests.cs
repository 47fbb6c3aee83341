using System.Net;
using System.Text;
using Gateway.IntegrationTests.Caching;

namespace Gateway.IntegrationTests.Features;

/// <summary>Keys instead of an input's numbers, in every protocol: the answers are those to the numbers.</summary>
public sealed class ProtocolTests
{
    [Fact]
    public async Task Keys_InEveryProtocol_AreAnsweredAsTheirRowsAre()
    {
        using FeatureFolder features = new();
        features.AddWine(20);
        await using GatewayProcess server = await GatewayProcess.ServeAsync(features.Arguments);
        await using Asker asker = new(server);
        for (int i = 0; i < 20; i++)
        {
            Question wine = Question.Samples(i)[1];
            Question byKey = ByKey(i);
            Question half = new("wine", [byKey.Inputs[0], wine.Inputs[1]]);
            foreach (string protocol in Asker.Protocols)
            {
                byte[] expected = await asker.AskAsync(protocol, wine);
                byte[] filled = await asker.AskAsync(protocol, byKey);
                byte[] halfFilled = await asker.AskAsync(protocol, half);
                Assert.True(expected.AsSpan().SequenceEqual(filled), $"wine {i} over {protocol}");
                Assert.True(expected.AsSpan().SequenceEqual(halfFilled), $"wine {i} over {protocol}, one input by its key");
            }
        }
    }

    [Fact]
    public async Task Cache_BeforeAModelWithAView_NeverAnswersWithARowThatWas()
    {
        using CachedRepository repository = new();
        using FeatureFolder features = new();
        features.AddWine(2);
        await using GatewayProcess server = await GatewayProcess.ServeAsync(["--model-repository", repository.Path, .. features.Arguments]);
        await using Asker asker = new(server);
        using HttpClient http = new() { BaseAddress = new Uri(server.HttpAddress) };
        byte[] first = await asker.AskAsync("JSON", ByKey(0));
        byte[] second = await asker.AskAsync("JSON", ByKey(1));
        Assert.Equal(first, await asker.AskAsync("JSON", ByKey(0)));

        // The first wine becomes the second.
        await CopyAsync(http, "measured", "wine 1", "wine 0");
        await CopyAsync(http, "whole", "1", "0");
        Assert.Equal(second, await asker.AskAsync("JSON", ByKey(0)));
        Assert.NotEqual(first, second);
        Assert.True(await asker.MetricAsync("nv_cache_num_hits_per_model", "wine") >= 1);
    }

    [Theory]
    [InlineData("none", "BYTES", """["wine 0"]""", "[1]", HttpStatusCode.NotFound, "Unable to find feature view: 'none'")]
    [InlineData("measured", "BYTES", """["wine 9"]""", "[1]", HttpStatusCode.NotFound, "feature view 'measured' has no row for key 'wine 9' (element 0 of input 'measured')")]
    [InlineData("measured", "INT64", "[1]", "[1]", HttpStatusCode.BadRequest, "inference input 'measured' data-type is 'INT64', but feature view 'measured' has keys of 'BYTES'")]
    [InlineData("whole", "INT64", "[1]", "[1]", HttpStatusCode.BadRequest, "feature view 'whole' has rows of 'INT64', but model 'wine' expects 'FP32' for input 'measured'")]
    [InlineData("measured", "BYTES", """["wine 0", "wine 1"]""", "[1,2]", HttpStatusCode.BadRequest, "do not fit input 'measured' of model 'wine', of shape [-1,11]")]
    [InlineData("broken", "BYTES", """["wine 0"]""", "[1]", HttpStatusCode.ServiceUnavailable, "feature view 'broken' cannot be used: ")]
    [InlineData("lost", "BYTES", """["wine 0"]""", "[1]", HttpStatusCode.ServiceUnavailable, "feature view 'lost' cannot be used: ")]
    public async Task Keys_ThatCannotBeFilled_AreRefusedAndSayWhy(string view, string type, string keys, string shape, HttpStatusCode status, string problem)
    {
        using FeatureFolder features = new();
        features.AddWine(2);
        features.Add("broken", """{"datatype":"FP32","shape":[11],"sources":["a.csv"]}""", ("a.csv", "wine 0,1,2"));
        features.Add("lost", """{"datatype":"FP32"}""");
        await using GatewayProcess server = await GatewayProcess.ServeAsync(features.Arguments);
        using HttpClient http = new() { BaseAddress = new Uri(server.HttpAddress) };
        string body = $$"""{"inputs":[{"name":"measured","datatype":"{{type}}","shape":{{shape}},"parameters":{"feature_view":"{{view}}"},"data":{{keys}}},{"name":"whole","datatype":"INT64","shape":[1,2],"data":[1,2]}]}""";
        using HttpResponseMessage answer = await http.PostAsync(new Uri("/v2/models/wine/infer", UriKind.Relative), new StringContent(body, Encoding.UTF8), TestContext.Current.CancellationToken);

        Assert.Contains(problem, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal(status, answer.StatusCode);
    }

    [Fact]
    public async Task Samples_WithTheirViews_AreAnsweredAsTheirNumbersAre()
    {
        string config = Path.Combine(GatewayProcess.RepositoryRoot, "config");
        await using GatewayProcess server = await GatewayProcess.ServeAsync("--feature-repository", Path.Combine(config, "feature-repository"));
        using HttpClient http = new() { BaseAddress = new Uri(server.HttpAddress) };
        List<string> answers = [];
        foreach (string sample in new[] { "wine-three.json", "wine-by-key.json" })
        {
            using ByteArrayContent body = new(await File.ReadAllBytesAsync(Path.Combine(config, "samples", sample), TestContext.Current.CancellationToken));
            using HttpResponseMessage answer = await http.PostAsync(new Uri("/v2/models/wine/infer", UriKind.Relative), body, TestContext.Current.CancellationToken);
            answers.Add(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        Assert.Contains("Barolo", answers[0], StringComparison.Ordinal);
        Assert.Equal(answers[0], answers[1]);
    }

    private static Question ByKey(int number) => new("wine", [new("measured", "BYTES", [1], [$"wine {number}"], "measured"), new("whole", "INT64", [1, 1], [(long)number], "whole")]);

    private static async Task CopyAsync(HttpClient http, string view, string from, string to)
    {
        byte[] row = await http.GetByteArrayAsync(new Uri($"/v2/features/{view}/rows/{Uri.EscapeDataString(from)}", UriKind.Relative), TestContext.Current.CancellationToken);
        using HttpResponseMessage put = await http.PutAsync(new Uri($"/v2/features/{view}/rows/{Uri.EscapeDataString(to)}", UriKind.Relative), new ByteArrayContent(row), TestContext.Current.CancellationToken);
        Assert.Equal("""{"created":0,"replaced":1,"deleted":0}""", await put.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
