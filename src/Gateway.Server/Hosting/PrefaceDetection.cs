using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Server.Hosting;

/// <summary>Tells HTTP/2 with prior knowledge from HTTP/1.1 on one port without TLS, by a connection's first bytes.</summary>
/// <remarks>
/// <b>Behaviour</b>: Kestrel decides between the two by TLS's protocol negotiation only; without TLS it takes every connection of a port that allows
/// both for HTTP/1.1. An HTTP/2 client that knows whom it talks to starts with a fixed preface that no HTTP/1.1 request can start with, so looking is
/// enough. What was looked at stays in the pipe. A connection that says nothing for <see cref="Patience"/> is closed.
/// <b>Cost</b>: one look a connection, none a request.
/// </remarks>
internal sealed class PrefaceDetection(ConnectionDelegate http1, ConnectionDelegate http2, TimeProvider time)
{
    /// <summary>As long as a request's headers may take (<see cref="FrontDoor.HeadersTimeout"/>): to a silent client it makes no difference which one is waited for.</summary>
    public static readonly TimeSpan Patience = FrontDoor.HeadersTimeout;

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        ConnectionDelegate? chosen = await ChooseAsync(connection).ConfigureAwait(false);
        if (chosen is not null) await chosen(connection).ConfigureAwait(false);
    }

    /// <returns>Null when the connection ended, or was silent too long.</returns>
    private async Task<ConnectionDelegate?> ChooseAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        using CancellationTokenSource patience = new(Patience, time);
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, connection.ConnectionClosed);
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync(end.Token).ConfigureAwait(false);
                ReadOnlySequence<byte> buffer = read.Buffer;
                bool? isHttp2 = StartsWithPreface(buffer);

                // Decided: nothing counts as examined, so that the chosen protocol's first read returns at once.
                input.AdvanceTo(buffer.Start, isHttp2 is null ? buffer.End : buffer.Start);
                if (isHttp2 is not null) return isHttp2.Value ? http2 : http1;

                // What ended within the preface is left to HTTP/1.1, which has an answer for what is not a request.
                if (read.IsCompleted) return buffer.IsEmpty ? null : http1;
            }
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            // Gone before it said anything.
            return null;
        }
    }

    /// <returns>Null when there are too few bytes to tell.</returns>
    internal static bool? StartsWithPreface(in ReadOnlySequence<byte> buffer)
    {
        ReadOnlySequence<byte> start = buffer.Length > Preface.Length ? buffer.Slice(0, Preface.Length) : buffer;
        int matched = 0;
        foreach (ReadOnlyMemory<byte> segment in start)
        {
            if (!Preface[matched..].StartsWith(segment.Span)) return false;
            matched += segment.Length;
        }

        return matched == Preface.Length ? true : null;
    }
}
