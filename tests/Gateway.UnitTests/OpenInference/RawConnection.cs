using System.Net.Sockets;
using System.Text;

namespace Gateway.UnitTests.OpenInference;

/// <summary>One HTTP/1.1 connection, spoken by hand.</summary>
internal sealed class RawConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly List<byte> _received = [];

    private RawConnection()
    {
    }

    public static Task<RawConnection> OpenAsync(InferenceServer server) => OpenAsync(server.Port);

    public static async Task<RawConnection> OpenAsync(int port)
    {
        RawConnection connection = new();
        await connection._socket.ConnectAsync(System.Net.IPAddress.Loopback, port, TestContext.Current.CancellationToken);
        return connection;
    }

    /// <summary>The bytes of an infer call.</summary>
    public static byte[] Request(string model, byte[] body, int? headLength = null, string headers = "", bool isChunked = false)
    {
        string length = isChunked ? "Transfer-Encoding: chunked" : $"Content-Length: {body.Length}";
        string binary = headLength is null ? "" : $"Inference-Header-Content-Length: {headLength}\r\n";
        string head = $"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: h\r\n{headers}{binary}{length}\r\n\r\n";
        return [.. Encoding.ASCII.GetBytes(head), .. body];
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[await _socket.SendAsync(bytes, TestContext.Current.CancellationToken)..];
    }

    /// <summary>Reads one answer, its head and a body of the length that it names.</summary>
    public async Task<(string Head, byte[] Body)> ReadAnswerAsync()
    {
        int end;
        while ((end = Encoding.Latin1.GetString([.. _received]).IndexOf("\r\n\r\n", StringComparison.Ordinal)) < 0) await ReceiveAsync();
        string head = Encoding.Latin1.GetString([.. _received[..end]]);
        string length = head.Split("\r\n").Single(line => line.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        int total = end + 4 + int.Parse(length.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture);
        while (_received.Count < total) await ReceiveAsync();
        byte[] body = [.. _received[(end + 4)..total]];
        _received.RemoveRange(0, total);
        return (head, body);
    }

    /// <summary>Breaks the connection off with a reset.</summary>
    public void Abort()
    {
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Dispose();
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[4096];
        int count = await _socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
        Assert.True(count > 0, "the server closed the connection");
        _received.AddRange(buffer.AsSpan(0, count));
    }
}
