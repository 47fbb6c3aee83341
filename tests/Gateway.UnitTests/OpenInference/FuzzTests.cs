using System.Globalization;
using System.Net;
using System.Text;
using Gateway.Core.Memory.Shared;
using Gateway.Protocol.Tensors;
using Gateway.UnitTests.Memory.Shared;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Damaged requests: never a fault of the server, never a leak (which is checked as the server is disposed).</summary>
public sealed class FuzzTests
{
    private const int Requests = 4000;

    private static readonly string[] Jsons =
    [
        """{"id":"a","inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","data":[[1.5,2e3]]},{"name":"b","shape":[1,2],"datatype":"INT32","data":[1,-2]}],"outputs":[{"name":"first"},{"name":"second","parameters":{"binary_data":true}}]}""",
        """{"parameters":{"priority":1,"timeout":5000000,"binary_data_output":true,"custom":"x"},"inputs":[{"data":[1,2],"name":"b","datatype":"INT32","shape":[1,2]},{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}""",
        """{"inputs":[{"name":"a","shape":[2,2],"datatype":"FP32","parameters":{"binary_data_size":16}},{"name":"b","shape":[2,2],"datatype":"INT32","parameters":{"binary_data_size":16}}],"outputs":[{"name":"first","parameters":{"classification":2}}]}""",
        """{"inputs":[{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":0}},{"name":"b","shape":[1,2],"datatype":"INT32","data":[1,2]}],"outputs":[{"name":"first","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}},{"name":"second","parameters":{"shared_memory_region":"r","shared_memory_byte_size":8,"shared_memory_offset":8}}]}""",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Infer_DamagedRequests_AreTheClientsMistakes(int seed)
    {
        using SharedFile file = new(new byte[16]);
        SharedRegions regions = new(isAllowed: true);
        regions.Register("r", file.Key, 0, 16);
        await using InferenceServer server = await InferenceServer.StartAsync(options => options.MaxInputBytes = 1 << 20, regions: regions);
        Random random = new(seed);
        Dictionary<HttpStatusCode, int> seen = [];
        for (int i = 0; i < Requests; i++)
        {
            byte[] head = Encoding.UTF8.GetBytes(Jsons[random.Next(Jsons.Length)]);
            if (random.Next(5) > 0) head = RandomJson.Mutate(random, head);
            byte[] blobs = new byte[random.Next(3) switch { 0 => 8, 1 => 32, _ => random.Next(40) }];
            random.NextBytes(blobs);
            string? headLength = random.Next(6) switch
            {
                0 => null,
                1 => random.Next(-2, head.Length + 60).ToString(CultureInfo.InvariantCulture),
                _ => head.Length.ToString(CultureInfo.InvariantCulture),
            };
            bool isChunked = random.Next(2) == 0;

            Answer answer = await server.InferAsync("two", head, blobs, headLength ?? "", request => Change(request, headLength, isChunked));

            // Damage may make a time-out that passes at once.
            bool isExpired = answer.Status == HttpStatusCode.ServiceUnavailable && answer.Text.Contains("Request timeout expired", StringComparison.Ordinal);
            bool isUnknown = answer.Status == HttpStatusCode.NotFound && answer.Text.Contains("Unable to find shared memory region", StringComparison.Ordinal);
            Assert.True(
                isExpired || isUnknown || answer.Status is HttpStatusCode.OK or HttpStatusCode.BadRequest or HttpStatusCode.NotImplemented,
                $"request {i} of seed {seed}: {answer.Status} {answer.Text} for {Encoding.UTF8.GetString(head)}");
            seen[answer.Status] = seen.GetValueOrDefault(answer.Status) + 1;
        }

        regions.UnregisterAll<SharedRegion>();
        Assert.True(seen.GetValueOrDefault(HttpStatusCode.OK) > Requests / 100, "hardly any request was left whole");
    }

    [Fact]
    public async Task Infer_RandomTensors_ComeBackWhateverTheirForm()
    {
        const int Seed = 17;
        await using InferenceServer server = await InferenceServer.StartAsync();
        Random random = new(Seed);
        for (int i = 0; i < 500; i++)
        {
            DataType type = SampleModels.FixedTypes[random.Next(SampleModels.FixedTypes.Length)];
            if (type is DataType.Fp16 or DataType.Bf16 or DataType.Bool) continue;
            int rows = random.Next(1, 20);
            byte[] bytes = new byte[rows * 4 * type.Size()];
            random.NextBytes(bytes);
            string input = $"\"name\":\"x\",\"shape\":[{rows},4],\"datatype\":\"{type.WireName()}\"";

            Answer first = await server.InferBinaryAsync($"echo_{type.WireName()}", $$$"""{"inputs":[{{{{input}}},"parameters":{"binary_data_size":{{{bytes.Length}}}}}]}""", bytes);
            Answer second = await server.InferAsync(
                $"echo_{type.WireName()}", $$$"""{"inputs":[{{{{input}}},"data":{{{Text(first)}}}}],"parameters":{"binary_data_output":true}}""");

            // A NaN's payload has no text.
            if (Text(first).Contains("NaN", StringComparison.Ordinal)) continue;
            Assert.True(bytes.AsSpan().SequenceEqual(second.Blobs), $"request {i} of seed {Seed}, {type}");
        }
    }

    private static string Text(Answer answer)
    {
        int start = answer.Text.IndexOf("\"data\":", StringComparison.Ordinal) + 7;
        return answer.Text[start..^3];
    }

    private static void Change(HttpRequestMessage request, string? headLength, bool isChunked)
    {
        if (headLength is null) request.Headers.Remove("Inference-Header-Content-Length");
        request.Headers.TransferEncodingChunked = isChunked;
    }
}
