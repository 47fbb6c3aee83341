using System.Text;

namespace Gateway.UnitTests.OpenInference;

/// <summary>Requests that arrive in pieces: the pieces make no difference.</summary>
public sealed class DeliveryTests
{
    private static readonly byte[] Json = Encoding.UTF8.GetBytes("""{"id":"é\u0041","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[0.125,-2e1,true]}]}""".Replace("true", "3, 4", StringComparison.Ordinal));

    private static readonly byte[] Head = Encoding.UTF8.GetBytes(
        """{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}],"parameters":{"binary_data_output":true}}""");

    private static readonly byte[] Blob = SampleModels.Bytes(0.125f, -20f, 3f, 4f);

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Infer_SplitAnywhere_IsReadTheSame(bool isBinary, bool isChunked)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] body = isBinary ? [.. Head, .. Blob] : Json;
        int? headLength = isBinary ? Head.Length : null;
        byte[] whole = RawConnection.Request("echo_FP32", isChunked ? Chunk(body, body.Length) : body, headLength, isChunked: isChunked);
        await connection.SendAsync(whole);
        (_, byte[] expected) = await connection.ReadAnswerAsync();
        Assert.Contains("\"outputs\"", Encoding.UTF8.GetString(expected));

        for (int split = 1; split < whole.Length; split++)
        {
            await connection.SendAsync(whole.AsMemory(0, split));
            await Task.Yield();
            await connection.SendAsync(whole.AsMemory(split));
            (string head, byte[] answer) = await connection.ReadAnswerAsync();
            Assert.True(head.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && answer.AsSpan().SequenceEqual(expected), $"split at {split}: {head}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Infer_OneByteAtATime_IsReadTheSame(bool isBinary)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using RawConnection connection = await RawConnection.OpenAsync(server);
        byte[] body = isBinary ? [.. Head, .. Blob] : Json;
        byte[] bytewise = RawConnection.Request("echo_FP32", Chunk(body, 1), isBinary ? Head.Length : null, isChunked: true);

        foreach (byte value in bytewise)
        {
            await connection.SendAsync(new[] { value });
            await Task.Yield();
        }

        (string head, byte[] answer) = await connection.ReadAnswerAsync();
        Assert.StartsWith("HTTP/1.1 200", head);
        if (isBinary) Assert.Equal(Blob, answer[^16..]);
        else Assert.EndsWith("\"data\":[0.125,-20,3,4]}]}", Encoding.UTF8.GetString(answer));
    }

    [Fact]
    public async Task Infer_LargeTensors_CrossManySegments()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        float[] values = [.. Enumerable.Range(0, 300_000).Select(i => i * 0.37f)];
        byte[] bytes = SampleModels.Bytes(values);

        Answer binary = await server.InferBinaryAsync(
            "any",
            $$$"""{"inputs":[{"name":"x","shape":[1,{{{values.Length}}}],"datatype":"FP32","parameters":{"binary_data_size":{{{bytes.Length}}}}}],"parameters":{"binary_data_output":true}}""",
            bytes);
        Answer json = await server.InferAsync(
            "any",
            $$$"""{"inputs":[{"name":"x","shape":[1,{{{values.Length}}}],"datatype":"FP32","data":[{{{string.Join(',', values.Select(value => ((double)value).ToString("R", System.Globalization.CultureInfo.InvariantCulture)))}}}]}],"parameters":{"binary_data_output":true}}""");

        Assert.Equal(bytes, binary.Blobs);
        Assert.Equal(bytes, json.Blobs);
    }

    [Fact]
    public async Task Infer_PostWithoutLength_IsAnEmptyDocument()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using RawConnection connection = await RawConnection.OpenAsync(server);

        await connection.SendAsync("POST /v2/models/two/infer HTTP/1.1\r\nHost: h\r\n\r\n"u8.ToArray());
        (string head, byte[] body) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 400", head);
        Assert.Equal("""{"error":"failed to parse the request JSON buffer: The document is empty. at 0"}""", Encoding.UTF8.GetString(body));
    }

    [Fact]
    public async Task Infer_HeaderNamesInLowerCase_AreKnown()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using RawConnection connection = await RawConnection.OpenAsync(server);
        string head = $"post /v2/models/echo_FP32/infer HTTP/1.1\r\nhost: h\r\ninference-header-content-length: {Head.Length}\r\ncontent-length: {Head.Length + 16}\r\n\r\n";

        await connection.SendAsync(new ReadOnlyMemory<byte>([.. Encoding.ASCII.GetBytes(head.Replace("post", "POST", StringComparison.Ordinal)), .. Head, .. Blob]));
        (string answer, _) = await connection.ReadAnswerAsync();

        Assert.StartsWith("HTTP/1.1 200", answer);
    }

    private static byte[] Chunk(byte[] body, int size)
    {
        List<byte> chunked = [];
        foreach (byte[] part in body.Chunk(size))
        {
            chunked.AddRange(Encoding.ASCII.GetBytes($"{part.Length:x}\r\n"));
            chunked.AddRange(part);
            chunked.AddRange("\r\n"u8);
        }

        chunked.AddRange("0\r\n\r\n"u8);
        return [.. chunked];
    }
}
