using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Protocol.Tensors;

namespace Gateway.UnitTests.OpenInference;

/// <summary>What a request allocates beyond what Kestrel does for any endpoint that takes and gives the same bytes and headers.</summary>
/// <remarks>Alone in its collection: it counts the whole process.</remarks>
[Collection(nameof(AllocationTests))]
[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
public sealed class AllocationTests
{
    // The one task that the server awaits, whatever the number of requests in flight. Of the 256 B that a request may cost, Kestrel takes its part before.
    private const int BudgetBytes = 176;

    private const int Connections = 8;
    private const int Requests = 1000;

    [Fact]
    public async Task Infer_BinaryInSteadyState_StaysWithinTheBudget()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        server.Add(
            "steady", 1, 8, [SampleModels.Spec("x", DataType.Fp32, [64])], [SampleModels.Spec("y", DataType.Fp32, [10])], (layout, pool) => new FixedExecutor(layout, pool));
        byte[] head = Encoding.UTF8.GetBytes(
            """{"inputs":[{"name":"x","shape":[1,64],"datatype":"FP32","parameters":{"binary_data_size":256}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}""");
        byte[] request = RawConnection.Request("steady", [.. head, .. new byte[256]], head.Length);
        byte[] bare = Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(request).Replace("/v2/models/steady/infer", InferenceServer.BarePath, StringComparison.Ordinal));

        long floor = Measure(server, bare);
        long perRequest = Measure(server, request);

        Assert.True(perRequest - floor <= BudgetBytes, $"{perRequest} bytes a request, of which {floor} are the server's own");
    }

    /// <summary>Allocation a request with several of them in flight at once, as under load: what is pooled for one only shows then.</summary>
    private static long Measure(InferenceServer server, byte[] request)
    {
        Socket[] sockets = [.. Enumerable.Range(0, Connections).Select(_ => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true })];
        foreach (Socket socket in sockets) socket.Connect(IPAddress.Loopback, server.Port);
        byte[] buffer = new byte[4096];
        int answerBytes = 0;
        for (int i = 0; i < Requests; i++) answerBytes = Exchange(sockets, request, buffer, answerBytes);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int i = 0; i < Requests; i++) Exchange(sockets, request, buffer, answerBytes);
        long perRequest = (GC.GetTotalAllocatedBytes(precise: true) - before) / (Requests * Connections);
        foreach (Socket socket in sockets) socket.Dispose();
        return perRequest;
    }

    /// <summary>Sends a request on each connection, then reads their answers, blocking, without allocating.</summary>
    /// <param name="answerBytes">Length of an answer; 0 to find it out.</param>
    private static int Exchange(Socket[] sockets, byte[] request, byte[] buffer, int answerBytes)
    {
        foreach (Socket socket in sockets) socket.Send(request);
        foreach (Socket socket in sockets)
        {
            int received = 0;
            do
            {
                received += socket.Receive(buffer, received, buffer.Length - received, SocketFlags.None);
                if (answerBytes == 0 && received > 0) answerBytes = LengthOf(buffer.AsSpan(0, received));
            }
            while (answerBytes == 0 || received < answerBytes);
        }

        return answerBytes;
    }

    private static int LengthOf(ReadOnlySpan<byte> answer)
    {
        string text = Encoding.Latin1.GetString(answer);
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0) return 0;
        Assert.StartsWith("HTTP/1.1 200", text);
        string length = text.Split("\r\n").Single(line => line.StartsWith("Content-Length:", StringComparison.Ordinal));
        return end + 4 + int.Parse(length.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
    }
}
