using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Gateway.Protocol.MessagePack;

namespace Gateway.IntegrationTests.Features;

/// <summary>Rows put, got and deleted over HTTP; files loaded; lives of the server.</summary>
public sealed class AdminTests : IDisposable
{
    private readonly FeatureFolder _features = new();
    private readonly HttpClient _http = new();

    public AdminTests() => _features.Add("user", """{"datatype":"FP32","shape":[2],"memory_bytes":1048576}""");

    public void Dispose()
    {
        _features.Dispose();
        _http.Dispose();
    }

    [Fact]
    public async Task Rows_InJson_ArePutGotAndDeleted()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync(_features.Arguments);
        string user = server.HttpAddress + "/v2/features/user";

        Assert.Equal("""{"created":1,"replaced":0,"deleted":0}""", await OkAsync(HttpMethod.Put, user + "/rows/a%2Fb", """{"row":[1,2.5]}"""));
        Assert.Equal("""{"key":"a/b","row":[1,2.5]}""", await OkAsync(HttpMethod.Get, user + "/rows/a%2Fb"));
        Assert.Equal("""{"created":2,"replaced":1,"deleted":0}""", await OkAsync(HttpMethod.Post, user + "/rows", """{"rows":[[1,2],[3,4],[5,6]],"keys":["c","a/b","d\u00e9"]}"""));
        Assert.Equal("""{"rows":[[3,4],null,[5,6]]}""", await OkAsync(HttpMethod.Post, user + "/lookup", """{"keys":["a/b","x","dé"]}"""));
        Assert.Equal("""{"created":0,"replaced":0,"deleted":2}""", await OkAsync(HttpMethod.Post, user + "/delete", """{"keys":["a/b","x","c"]}"""));
        Assert.Equal((HttpStatusCode.NotFound, """{"error":"feature view 'user' has no row for key 'c'"}"""), await AskAsync(HttpMethod.Get, user + "/rows/c"));
        Assert.Equal((HttpStatusCode.NotFound, """{"error":"feature view 'user' has no row for key 'c'"}"""), await AskAsync(HttpMethod.Delete, user + "/rows/c"));
        Assert.Contains("\"rows\":1,", await OkAsync(HttpMethod.Get, user), StringComparison.Ordinal);
        Assert.Equal("""{"created":0,"replaced":0,"deleted":1}""", await OkAsync(HttpMethod.Delete, user + "/rows"));
        Assert.StartsWith("""[{"name":"user","state":"READY","key":"BYTES","datatype":"FP32","shape":[2],"missing":"error","rows":0,""", await OkAsync(HttpMethod.Get, server.HttpAddress + "/v2/features"), StringComparison.Ordinal);

        string page = await _http.GetStringAsync(new Uri(server.MetricsAddress), TestContext.Current.CancellationToken);
        Assert.Contains("\ngateway_feature_created_total{view=\"user\"} 3\n", page, StringComparison.Ordinal);
        Assert.Contains("\ngateway_feature_misses_total{view=\"user\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("\ngateway_feature_view_state{view=\"user\"} 1\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_InMessagePackAndAsBytes_AreTheSame()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync(_features.Arguments);
        string user = server.HttpAddress + "/v2/features/user";
        byte[] rows = [.. BitConverter.GetBytes(1f), .. BitConverter.GetBytes(2f), .. BitConverter.GetBytes(3f), .. BitConverter.GetBytes(4f)];
        byte[] put = Message((ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(2);
            writer.WriteString("keys"u8);
            writer.WriteArrayHeader(2);
            writer.WriteString("a"u8);
            writer.WriteString("b"u8);
            writer.WriteString("rows"u8);
            writer.WriteBinary(rows);
        });
        byte[] lookup = Message((ref MessagePackWriter writer) =>
        {
            writer.WriteMapHeader(1);
            writer.WriteString("keys"u8);
            writer.WriteBinary([1, 0, 0, 0, (byte)'b', 0, 0, 0, 0]);
        });

        Assert.Equal(HttpStatusCode.OK, (await PackedAsync(user + "/rows", put)).Status);
        (HttpStatusCode status, byte[] answer) = await PackedAsync(user + "/lookup", lookup);
        Assert.Equal(HttpStatusCode.OK, status);
        (byte[] found, byte[] got) = ReadRows(answer);
        Assert.Equal([1, 0], found);
        Assert.Equal([.. rows[8..], .. new byte[8]], got);

        using HttpRequestMessage raw = new(HttpMethod.Get, user + "/rows/a");
        raw.Headers.Accept.ParseAdd("application/octet-stream");
        using HttpResponseMessage bytes = await _http.SendAsync(raw, TestContext.Current.CancellationToken);
        Assert.Equal(rows[..8], await bytes.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.BadRequest, (await PackedAsync(user + "/rows", put[..^1])).Status);
    }

    [Theory]
    [InlineData("POST", "/none/lookup", """{"keys":["a"]}""", HttpStatusCode.NotFound, "Unable to find feature view: 'none'")]
    [InlineData("POST", "/user/lookup", """{"key":["a"]}""", HttpStatusCode.BadRequest, "keys")]
    [InlineData("POST", "/user/lookup", """{"keys":[1]}""", HttpStatusCode.BadRequest, "key 0 is no string, and the keys of feature view 'user' are of BYTES")]
    [InlineData("POST", "/user/rows", """{"keys":["a"]}""", HttpStatusCode.BadRequest, "rows")]
    [InlineData("POST", "/user/rows", """{"keys":["a"],"rows":[[1]]}""", HttpStatusCode.BadRequest, "shape does not match true shape")]
    [InlineData("POST", "/user/rows", """{"keys":["a","b","c","d"],"rows":[1]}""", HttpStatusCode.BadRequest, "there are fewer numbers than 4 rows of feature view 'user' have")]
    [InlineData("PUT", "/user/rows/a", """{"row":[1,"x"]}""", HttpStatusCode.BadRequest, "element 1 of input 'rows'")]
    [InlineData("PUT", "/user/rows/a", "{", HttpStatusCode.BadRequest, "")]
    [InlineData("POST", "/user", "{}", HttpStatusCode.MethodNotAllowed, "Method Not Allowed")]
    [InlineData("GET", "/user/rows/a/b", null, HttpStatusCode.NotFound, "Not Found")]
    public async Task Calls_ThatAreWrong_SayWhy(string method, string path, string? body, HttpStatusCode status, string problem)
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync(_features.Arguments);
        (HttpStatusCode actual, string text) = await AskAsync(new HttpMethod(method), server.HttpAddress + "/v2/features" + path, body);

        Assert.Contains(problem, text, StringComparison.Ordinal);
        Assert.Equal(status, actual);
    }

    [Fact]
    public async Task LookUp_OfMoreBytesThanARequestMayHave_IsRefused()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync([.. _features.Arguments, "--http-max-input-size", "1000"]);
        string user = server.HttpAddress + "/v2/features/user/lookup";

        Assert.StartsWith("""{"rows":[null,""", await OkAsync(HttpMethod.Post, user, Keys(125)), StringComparison.Ordinal);
        Assert.Equal(
            (HttpStatusCode.BadRequest, """{"error":"the rows of the keys have 1008 bytes, which exceeds the maximum allowed input size of 1000 bytes. Use --http-max-input-size to increase the limit."}"""),
            await AskAsync(HttpMethod.Post, user, Keys(126)));

        static string Keys(int count) => $$"""{"keys":[{{string.Join(',', Enumerable.Repeat("\"a\"", count))}}]}""";
    }

    [Fact]
    public async Task AccessToken_OnRowsToo()
    {
        await using GatewayProcess server = await GatewayProcess.ServeAsync([.. _features.Arguments, "--access-token", "secret"]);

        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(HttpMethod.Put, server.HttpAddress + "/v2/features/user/rows/a", """{"row":[1,2]}""")).Status);
    }

    [Fact]
    public async Task Load_FileOfEachKind_IsThereAndIsKeptOverARestart()
    {
        string csv = Path.Combine(_features.Views, "rows.csv");
        await File.WriteAllLinesAsync(csv, Enumerable.Range(0, 20_000).Select(i => string.Create(CultureInfo.InvariantCulture, $"u{i},{i},{i + 0.5}")).Prepend("id,x,y"), TestContext.Current.CancellationToken);
        string lines = Path.Combine(_features.Views, "rows.jsonl");
        await File.WriteAllLinesAsync(lines, Enumerable.Range(19_990, 20).Select(i => $$"""{"key":"u{{i}}","row":[{{-i}},0]}"""), TestContext.Current.CancellationToken);
        await using (GatewayProcess server = await GatewayProcess.ServeAsync(_features.Arguments))
        {
            Assert.Contains("20000 new, 0 in the place of others", await LoadAsync(server, 0, "user", csv), StringComparison.Ordinal);
            Assert.Contains("10 new, 10 in the place of others", await LoadAsync(server, 0, "user", lines), StringComparison.Ordinal);
            await File.AppendAllTextAsync(lines, "nonsense", TestContext.Current.CancellationToken);
            Assert.Contains("line 21: ", await LoadAsync(server, 1, "user", lines), StringComparison.Ordinal);
            Assert.Contains("Unable to find feature view: 'none'", await LoadAsync(server, 1, "none", csv), StringComparison.Ordinal);
            server.Signal(GatewayProcess.Terminate);
            await server.WaitForExitAsync();
        }

        await using GatewayProcess next = await GatewayProcess.ServeAsync(_features.Arguments);
        Assert.Contains("\"rows\":20010,", await OkAsync(HttpMethod.Get, next.HttpAddress + "/v2/features/user"), StringComparison.Ordinal);
        Assert.Equal("""{"rows":[[7,7.5],[-20005,0],null]}""", await OkAsync(HttpMethod.Post, next.HttpAddress + "/v2/features/user/lookup", """{"keys":["u7","u20005","u20010"]}"""));
    }

    [Fact]
    public async Task Sources_LoadedOnce_DoNotUndoWhatClientsPutSince()
    {
        _features.Add("item", """{"datatype":"INT32","shape":[1],"memory_bytes":1048576,"sources":["items.csv"]}""", ("items.csv", "a,1\nb,2\n"));
        for (int life = 0; life < 2; life++)
        {
            await using GatewayProcess server = await GatewayProcess.ServeAsync(_features.Arguments);
            string item = server.HttpAddress + "/v2/features/item/rows/a";
            Assert.Equal(life == 0 ? """{"key":"a","row":[1]}""" : """{"key":"a","row":[7]}""", await OkAsync(HttpMethod.Get, item));
            await OkAsync(HttpMethod.Put, item, """{"row":[7]}""");
            server.Signal(GatewayProcess.Terminate);
            await server.WaitForExitAsync();
        }
    }

    private static (byte[] Found, byte[] Rows) ReadRows(byte[] answer)
    {
        MessagePackReader reader = new(answer);
        Assert.True(reader.TryReadMapHeader(out _));
        Assert.True(reader.TryReadString(out _));
        Assert.True(reader.TryReadBinary(out ReadOnlySpan<byte> found));
        Assert.True(reader.TryReadString(out _));
        Assert.True(reader.TryReadBinary(out ReadOnlySpan<byte> rows));
        return (found.ToArray(), rows.ToArray());
    }

    private static byte[] Message(WriteMessage write)
    {
        byte[] bytes = new byte[256];
        MessagePackWriter writer = new(bytes);
        write(ref writer);
        return bytes[..writer.Position];
    }

    private static async Task<string> LoadAsync(GatewayProcess server, int code, string view, string file)
    {
        await using GatewayProcess program = GatewayProcess.Run(["features", "load", "--view", view, "--file", file, "--server", server.HttpAddress]);
        int actual = await program.WaitForExitAsync();
        string text = program.Output + program.Error;
        Assert.True(code == actual, text);
        return text;
    }

    private async Task<string> OkAsync(HttpMethod method, string url, string? body = null)
    {
        (HttpStatusCode status, string text) = await AskAsync(method, url, body);
        Assert.True(status == HttpStatusCode.OK, text);
        return text;
    }

    private async Task<(HttpStatusCode Status, string Body)> AskAsync(HttpMethod method, string url, string? body = null)
    {
        using HttpRequestMessage request = new(method, url) { Content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json") };
        using HttpResponseMessage answer = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    private async Task<(HttpStatusCode Status, byte[] Body)> PackedAsync(string url, byte[] body)
    {
        using ByteArrayContent content = new(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/msgpack");
        using HttpResponseMessage answer = await _http.PostAsync(new Uri(url), content, TestContext.Current.CancellationToken);
        return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    private delegate void WriteMessage(ref MessagePackWriter writer);
}
