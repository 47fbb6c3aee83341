using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>What is wrong with a link.</summary>
public enum LinkFault
{
    None,

    /// <summary>Bytes are taken and go nowhere, in both directions; connections stay open.</summary>
    Silent,

    /// <summary>All connections are reset, and new ones at once.</summary>
    Reset,

    /// <summary>A byte goes through now and then.</summary>
    Trickle,
}

/// <summary>A stretch of network between two processes that can be broken: passes connections on to an address.</summary>
internal sealed class FaultyLink : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<Socket, bool> _open = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Uri _target;
    private readonly Task _accepting;
    private volatile LinkFault _fault;

    private FaultyLink(Uri target)
    {
        _target = target;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    /// <summary>Such as <c>http://127.0.0.1:41234</c>.</summary>
    public string Address => $"http://{_listener.LocalEndPoint}";

    public LinkFault Fault
    {
        get => _fault;
        set
        {
            _fault = value;
            if (value == LinkFault.Reset) ResetAll();
        }
    }

    public static FaultyLink To(string address) => new(new Uri(address));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        ResetAll();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Socket near = await _listener.AcceptAsync(_stop.Token);
                _ = PassAsync(near);
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // It is being stopped.
            }
        }
    }

    private async Task PassAsync(Socket near)
    {
        using Socket far = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (near)
        {
            near.NoDelay = true;
            _open[near] = true;
            _open[far] = true;
            try
            {
                if (Fault == LinkFault.Reset) Reset(near);
                await far.ConnectAsync(IPAddress.Parse(_target.Host), _target.Port, _stop.Token);
                await Task.WhenAny(PassAsync(near, far), PassAsync(far, near));
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // Reset, or ended.
            }
            finally
            {
                _open.TryRemove(near, out _);
                _open.TryRemove(far, out _);
            }
        }
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[64 << 10];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and int read)
            {
                for (int sent = 0; sent < read;)
                {
                    // What was held up goes on when the link does: nothing is ever missing from the middle of a stream.
                    while (Fault == LinkFault.Silent) await Task.Delay(Pause, TimeProvider.System, _stop.Token);
                    int part = Fault == LinkFault.Trickle ? 1 : read - sent;
                    await to.SendAsync(buffer.AsMemory(sent, part), _stop.Token);
                    sent += part;
                    if (Fault == LinkFault.Trickle) await Task.Delay(Pause, TimeProvider.System, _stop.Token);
                }
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Reset, or ended.
        }
    }

    private void ResetAll()
    {
        foreach (Socket socket in _open.Keys) Reset(socket);
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
            socket.Close();
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It has ended by itself.
        }
    }
}
