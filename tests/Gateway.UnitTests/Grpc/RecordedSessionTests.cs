using System.Globalization;
using System.Reflection;
using System.Text;
using Gateway.Protocol.Http2;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Grpc;

/// <summary>What others' clients sent, as it went over the wire, in pieces of several sizes: unary calls, errors, compression, a stream, a call that is reset.</summary>
/// <remarks>Recorded with tests/interop/record.py from its sessions: grpcio 1.51, @grpc/grpc-js 1.14, Python's http.client, tritonclient of 2026-09.</remarks>
public sealed class RecordedSessionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    // Of grpcio's: 1 is reflection's, which it resets once it has what it asked for; what that ends with depends on what comes first.
    [Theory]
    [InlineData("grpcio", 1, "3=0 5=0 7=5 9=0 11=0", 4)]
    [InlineData("grpcio", 7, "3=0 5=0 7=5 9=0 11=0", 4)]
    [InlineData("grpcio", 100_000, "3=0 5=0 7=5 9=0 11=0", 4)]
    [InlineData("grpc-js", 1, "1=0 3=0 5=5 7=0", 3)]
    [InlineData("grpc-js", 7, "1=0 3=0 5=5 7=0", 3)]
    [InlineData("grpc-js", 100_000, "1=0 3=0 5=5 7=0", 3)]
    [InlineData("tritonclient-grpc", 1, "1=0 3=0 5=5 7=0 9=0", 4)]
    [InlineData("tritonclient-grpc", 7, "1=0 3=0 5=5 7=0 9=0", 4)]
    [InlineData("tritonclient-grpc", 100_000, "1=0 3=0 5=5 7=0 9=0", 4)]
    public async Task Session_OfGrpc_EndsEachCallWithItsStatus(string client, int piece, string statuses, int rows)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        byte[] session = await ReadAsync(client);
        using Http2Wire wire = await Http2Wire.ConnectAsync(server.Port);
        Task<(SortedDictionary<int, string> Ended, byte[] Data)> receiving = ReceiveAsync(wire, [.. statuses.Split(' ').Select(each => int.Parse(each.Split('=')[0], CultureInfo.InvariantCulture))]);

        for (int at = 0; at < session.Length; at += piece) await wire.SendAsync(session.AsMemory(at, Math.Min(piece, session.Length - at)));

        (SortedDictionary<int, string> ended, byte[] data) = await receiving.WaitAsync(Patience, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(statuses, string.Join(' ', ended.Where(each => $" {statuses}".Contains($" {each.Key}=", StringComparison.Ordinal)).Select(each => $"{each.Key}={each.Value}")));

        // Rows come back as they went: (1, 2, 3), (4, 5, 6), ….
        for (int i = 0; i < rows; i++) Assert.Equal(1, Count(data, SampleModels.Bytes((3f * i) + 1, (3f * i) + 2, (3f * i) + 3)));
    }

    [Theory]
    [InlineData("http", 1)]
    [InlineData("http", 7)]
    [InlineData("http", 100_000)]
    [InlineData("tritonclient-http", 1)]
    [InlineData("tritonclient-http", 7)]
    [InlineData("tritonclient-http", 100_000)]
    public async Task Session_OfHttp_IsAnswered(string client, int piece)
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        byte[] session = await ReadAsync(client);
        using RawConnection connection = await RawConnection.OpenAsync(server);

        for (int at = 0; at < session.Length; at += piece) await connection.SendAsync(session.AsMemory(at, Math.Min(piece, session.Length - at)));

        List<string> answers = [];
        for (int i = 0; i < 6; i++)
        {
            (string head, byte[] body) = await connection.ReadAnswerAsync();
            answers.Add($"{head.Split(' ')[1]} {Encoding.UTF8.GetString(body)}");
        }

        Assert.Equal(["200", "200", "200", "200", "404", "200"], answers.Select(answer => answer[..3]));
        Assert.Contains("\"data\":[1,2,3]", answers[1].Replace(".0", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Equal(answers[1], answers[3]);
    }

    private static async Task<(SortedDictionary<int, string> Ended, byte[] Data)> ReceiveAsync(Http2Wire wire, HashSet<int> calls)
    {
        HpackDecoder decoder = new();
        SortedDictionary<int, string> ended = [];
        List<byte> data = [];
        while (!calls.IsSubsetOf(ended.Keys) && await wire.ReadAsync() is { } frame)
        {
            if (frame.Type == Http2Wire.Data) data.AddRange(frame.Payload);
            if (frame.Type == Http2Wire.ResetStream && !ended.ContainsKey(frame.Stream)) ended[frame.Stream] = "reset";
            if (frame.Type != Http2Wire.Headers) continue;
            Assert.True((frame.Flags & Http2Wire.EndHeaders) != 0);
            string? status = StatusIn(decoder, frame.Payload);
            if (frame.EndsStream) ended[frame.Stream] = status ?? "none";
        }

        return (ended, [.. data]);
    }

    private static string? StatusIn(HpackDecoder decoder, ReadOnlySpan<byte> block)
    {
        string? status = null;
        for (int at = 0; decoder.TryRead(block, ref at, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);)
        {
            if (!name.SequenceEqual("grpc-status"u8)) continue;
            Assert.Null(status);
            status = Encoding.Latin1.GetString(value);
        }

        return status;
    }

    private static int Count(ReadOnlySpan<byte> text, byte[] part)
    {
        int count = 0;
        for (int at; (at = text.IndexOf(part)) >= 0; count++) text = text[(at + part.Length)..];
        return count;
    }

    private static async Task<byte[]> ReadAsync(string client)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{client}-session.hex")!;
        using StreamReader reader = new(stream);
        return Convert.FromHexString((await reader.ReadToEndAsync(TestContext.Current.CancellationToken)).ReplaceLineEndings(""));
    }
}
