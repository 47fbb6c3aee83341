using System.Net;
using System.Net.Sockets;

namespace Gateway.UnitTests.Proxy;

/// <summary>Answers each request with the same bytes, whatever they are, and closes the connection.</summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Task _serving;

    public RawUpstream(byte[] answer)
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _serving = ServeAsync(answer);
    }

    public string Address => $"http://{_listener.LocalEndPoint}";

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
    }

    private async Task ServeAsync(byte[] answer)
    {
        byte[] request = new byte[4096];
        while (true)
        {
            try
            {
                using Socket connection = await _listener.AcceptAsync();
                await connection.ReceiveAsync(request);
                if (answer.Length > 0) await connection.SendAsync(answer);
                connection.Shutdown(SocketShutdown.Send);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                if (!_listener.IsBound || error is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted }) return;
            }
        }
    }
}
