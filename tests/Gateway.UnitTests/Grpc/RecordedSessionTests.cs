using System.Net.Sockets;
using System.Reflection;
using Gateway.UnitTests.OpenInference;

namespace Gateway.UnitTests.Grpc;

/// <summary>What Python's grpcio sent in a session of two calls, as it went over the wire, in pieces of several sizes.</summary>
/// <remarks>Recorded from grpcio 1.51 with the calls ModelReady("rank") and ModelInfer of a row of "rank": HPACK with its table, padding, pings and all.</remarks>
public sealed class RecordedSessionTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(100_000)]
    public async Task Session_InPieces_IsAnswered(int piece)
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        byte[] session = Convert.FromHexString((await ReadAsync()).ReplaceLineEndings(""));
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync("127.0.0.1", server.Port, TestContext.Current.CancellationToken);
        List<byte> answer = [];
        Task receiving = ReceiveAsync();

        for (int at = 0; at < session.Length; at += piece) await socket.SendAsync(session.AsMemory(at, Math.Min(piece, session.Length - at)), TestContext.Current.CancellationToken);

        // The answer's floats are the request's: the model gives back what it takes.
        byte[] row = SampleModels.Bytes(1f, 2f, 3f);
        await Eventually.TrueAsync(() => Count(answer, row) == 1, "the inference is answered");
        await Eventually.TrueAsync(() => Count(answer, Ready) == 1, "and that it is ready, on another stream");
        socket.Shutdown(SocketShutdown.Send);
        await receiving;
        Assert.Equal((1, 1), (Count(answer, row), Count(answer, Ready)));

        async Task ReceiveAsync()
        {
            byte[] buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken) is var count and > 0)
            {
                lock (answer) answer.AddRange(buffer.AsSpan(0, count));
            }
        }
    }

    // A message of two bytes: a bool that is true.
    private static readonly byte[] Ready = [0, 0, 0, 0, 2, 8, 1];

    private static int Count(List<byte> text, byte[] part)
    {
        lock (text)
        {
            int count = 0;
            ReadOnlySpan<byte> rest = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(text);
            for (int at; (at = rest.IndexOf(part)) >= 0; count++) rest = rest[(at + part.Length)..];
            return count;
        }
    }

    private static async Task<string> ReadAsync()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("grpcio-session.hex")!;
        using StreamReader reader = new(stream);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }
}
