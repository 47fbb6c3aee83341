using System.Net;

namespace Gateway.UnitTests.OpenInference;

/// <summary>JSON parts that come again and again are recognised, and mean what they meant.</summary>
public sealed class KnownHeadTests
{
    private const int Often = 20;

    [Fact]
    public async Task Infer_TheSameHeadManyTimes_EachGetsItsOwnTensor()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        string? first = null;
        for (int i = 0; i < Often; i++)
        {
            byte[] tensor = SampleModels.Bytes(1f * i, 2f, 3f, 4f);

            Answer answer = await server.InferBinaryAsync("echo_FP32", Head(rows: 1), tensor);

            Assert.Equal(HttpStatusCode.OK, answer.Status);
            Assert.Equal(tensor, answer.Blobs);
            first ??= answer.HeadText;
            Assert.Equal(first, answer.HeadText);
        }
    }

    [Fact]
    public async Task Infer_OtherHeadsInBetween_AreReadForWhatTheyAre()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        for (int i = 0; i < Often; i++) await server.InferBinaryAsync("echo_FP32", Head(rows: 1), new byte[16]);
        float[] two = [1, 2, 3, 4, 5, 6, 7, 8];

        Answer moreRows = await server.InferBinaryAsync("echo_FP32", Head(rows: 2), SampleModels.Bytes(two));
        Answer withId = await server.InferBinaryAsync("echo_FP32", Head(rows: 1).Replace("{\"inputs\"", "{\"id\":\"a\",\"inputs\"", StringComparison.Ordinal), new byte[16]);
        Answer asJson = await server.InferBinaryAsync("echo_FP32", Head(rows: 1).Replace(",\"parameters\":{\"binary_data_output\":true}}", "}", StringComparison.Ordinal), SampleModels.Bytes(1f, 2f, 3f, 4f));
        Answer otherName = await server.InferBinaryAsync("echo_FP32", Head(rows: 1).Replace("\"x\"", "\"z\"", StringComparison.Ordinal), new byte[16]);
        Answer known = await server.InferBinaryAsync("echo_FP32", Head(rows: 1), SampleModels.Bytes(9f, 2f, 3f, 4f));

        Assert.Equal(SampleModels.Bytes(two), moreRows.Blobs);
        Assert.Contains("\"shape\":[2,4]", moreRows.HeadText, StringComparison.Ordinal);
        Assert.StartsWith("{\"id\":\"a\",", withId.HeadText, StringComparison.Ordinal);
        Assert.Equal("[1,2,3,4]", asJson.Data());
        Assert.Equal(HttpStatusCode.BadRequest, otherName.Status);
        Assert.Equal(SampleModels.Bytes(9f, 2f, 3f, 4f), known.Blobs);
    }

    [Fact]
    public async Task Infer_KnownHeadWithTheWrongBytes_IsRefusedAsBefore()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        Answer before = await server.InferBinaryAsync("echo_FP32", Head(rows: 1), new byte[15]);
        for (int i = 0; i < Often; i++) await server.InferBinaryAsync("echo_FP32", Head(rows: 1), new byte[16]);

        Answer tooFew = await server.InferBinaryAsync("echo_FP32", Head(rows: 1), new byte[15]);
        Answer tooMany = await server.InferBinaryAsync("echo_FP32", Head(rows: 1), new byte[17]);

        Assert.Equal((HttpStatusCode.BadRequest, before.Error), (tooFew.Status, tooFew.Error));
        Assert.Equal((HttpStatusCode.BadRequest, "unexpected additional input data for model 'echo_FP32'"), (tooMany.Status, tooMany.Error));
    }

    [Fact]
    public async Task Infer_ChosenOutputsAndParameters_StayAsTheyWere()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        const string Json = """{"inputs":[{"name":"b","shape":[1,2],"datatype":"INT32","parameters":{"binary_data_size":8}},{"name":"a","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}],"outputs":[{"name":"second","parameters":{"binary_data":true}},{"name":"first","parameters":{"binary_data":true}}],"parameters":{"priority":1,"timeout":30000000}}""";
        byte[] b = SampleModels.Bytes(1, 2);
        byte[] a = SampleModels.Bytes(3f, 4f);
        for (int i = 0; i < Often; i++)
        {
            Answer answer = await server.InferBinaryAsync("two", Json, [.. b, .. a]);
            Assert.Equal([.. b, .. a], answer.Blobs);
        }
    }

    private static string Head(int rows) =>
        $$$"""{"inputs":[{"name":"x","shape":[{{{rows}}},4],"datatype":"FP32","parameters":{"binary_data_size":{{{16 * rows}}}}}],"parameters":{"binary_data_output":true}}""";
}
