using System.Net.Security;
using System.Security.Authentication;
using Gateway.Load.Carriers;

namespace Gateway.Load.Sockets;

/// <summary>Encrypts what one connection sends and decrypts what it receives; the socket is somebody else's.</summary>
/// <remarks><b>Behaviour</b>: never waits: what cannot go on goes on with the next bytes received. <b>Threading</b>: one thread.</remarks>
internal sealed class TlsChannel : IDisposable
{
    // Two of TLS's longest records.
    private const int PlainBytes = 32 * 1024;

    private readonly byte[] _plain = GC.AllocateUninitializedArray<byte>(PlainBytes, pinned: true);
    private readonly TlsWire _wire = new();
    private readonly SslStream _stream;
    private readonly Task _handshake;
    private readonly string? _protocol;
    private ValueTask<int> _read;
    private bool _isReading;

    /// <summary>Begins a client's handshake.</summary>
    public TlsChannel(SslClientAuthenticationOptions options)
    {
        _stream = new SslStream(_wire);
        _protocol = options.ApplicationProtocols is [var protocol, ..] ? protocol.ToString() : null;
        _handshake = _stream.AuthenticateAsClientAsync(options);
    }

    /// <summary>Begins a server's.</summary>
    public TlsChannel(SslServerAuthenticationOptions options)
    {
        _stream = new SslStream(_wire);
        _handshake = _stream.AuthenticateAsServerAsync(options);
    }

    /// <summary>What is to be sent.</summary>
    public OutputBuffer Output => _wire.Output;

    /// <summary>Where received bytes go, before <see cref="Received"/>.</summary>
    public Span<byte> Room() => _wire.Room();

    public void Received(int bytes) => _wire.Received(bytes);

    /// <returns>Whether the handshake is over; what is encrypted before is lost.</returns>
    /// <exception cref="IOException">It failed.</exception>
    public bool IsOpen()
    {
        if (!_handshake.IsCompleted) return false;
        try
        {
            _handshake.GetAwaiter().GetResult();
        }
        catch (AuthenticationException exception)
        {
            string text = exception.InnerException?.Message ?? exception.Message;
            throw new IOException($"no TLS: {text}{(text.Contains("certificate", StringComparison.Ordinal) ? " (--insecure takes any)" : "")}", exception);
        }

        // Whoever has never heard of such names answers with none, and may mean the same.
        if (_protocol == "h2" && _stream.NegotiatedApplicationProtocol != SslApplicationProtocol.Http2) throw new IOException("no TLS: the server does not offer HTTP/2");
        return true;
    }

    /// <summary>Encrypts all that is pending.</summary>
    public void Encrypt(OutputBuffer plain)
    {
        ReadOnlyMemory<byte> pending = plain.PendingMemory;
        if (pending.IsEmpty) return;

        // It never waits, for the wire under it does not.
        _stream.WriteAsync(pending).AsTask().GetAwaiter().GetResult();
        plain.Sent(pending.Length);
    }

    /// <summary>Appends all that can be decrypted.</summary>
    /// <param name="wanted">As for <see cref="InputBuffer.Room"/>.</param>
    /// <returns>False when the other side has said that nothing follows.</returns>
    /// <exception cref="IOException">Its bytes are not TLS.</exception>
    public bool Decrypt(InputBuffer to, int wanted)
    {
        while (true)
        {
#pragma warning disable CA2012 // Kept until it is complete, and then taken once.
            if (!_isReading) _read = _stream.ReadAsync(_plain);
#pragma warning restore CA2012
            _isReading = true;
            if (!_read.IsCompleted) return true;
            _isReading = false;
            int bytes = _read.GetAwaiter().GetResult();
            if (bytes == 0) return false;
            _plain.AsSpan(0, bytes).CopyTo(to.Room(Math.Max(wanted, to.Unread.Length + bytes)));
            to.Received(bytes);
        }
    }

    public void Dispose() => _stream.Dispose();
}
