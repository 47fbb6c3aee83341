using System.Buffers.Text;
using System.Text;

namespace Gateway.Load.Sockets;

/// <summary>The little of an HTTP/1.1 response's head that the client needs.</summary>
/// <param name="Status">Status code.</param>
/// <param name="HeadBytes">Bytes up to and with the empty line.</param>
/// <param name="BodyBytes">From <c>Content-Length</c>; 0 for a body in chunks, or one that ends with the connection.</param>
/// <param name="InferenceHeaderBytes">From <c>Inference-Header-Content-Length</c>; 0 without.</param>
internal readonly record struct ResponseHead(int Status, int HeadBytes, int BodyBytes, int InferenceHeaderBytes)
{
    public bool IsChunked { get; init; }

    /// <summary>Whether nothing but the end of the connection says where the body ends.</summary>
    public bool EndsWithConnection { get; init; }

    /// <summary>Whether it is only a word on the way (1xx), and the answer is still to come.</summary>
    public bool IsInterim => Status < 200;

    /// <summary>Whether the server closes the connection after this answer.</summary>
    public bool Closes { get; init; }

    /// <summary>From <c>Retry-After-Ms</c>, else <c>Retry-After</c> in seconds; -1 without.</summary>
    public long RetryAfterMilliseconds { get; init; }

    /// <summary>Where the text of <c>Inference-Refusal</c> lies in the head; empty without.</summary>
    public (int Start, int Length) Refusal { get; init; }

    /// <returns>False when the head is not complete yet.</returns>
    /// <exception cref="InvalidDataException">It is not HTTP/1.1.</exception>
    public static bool TryParse(ReadOnlySpan<byte> received, out ResponseHead head)
    {
        head = default;
        int end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0) return false;
        ReadOnlySpan<byte> text = received[..(end + 2)];
        if (!text.StartsWith("HTTP/1."u8) || text.Length < 12 || !Utf8Parser.TryParse(text[9..], out int status, out int digits) || digits != 3) throw Invalid(text, "is not HTTP/1.1");
        long length = -1;
        int inferenceHeader = 0;
        long retryAfter = -1;
        bool isFine = false;
        bool isChunked = false;
        bool closes = text[7] == (byte)'0';
        (int, int) refusal = default;
        int at = text.IndexOf("\r\n"u8) + 2;
        while (at < text.Length)
        {
            ReadOnlySpan<byte> line = text[at..];
            line = line[..line.IndexOf("\r\n"u8)];
            int colon = line.IndexOf((byte)':');
            if (colon > 0)
            {
                ReadOnlySpan<byte> name = line[..colon];
                ReadOnlySpan<byte> value = line[(colon + 1)..].Trim((byte)' ');
                if (Is(name, "content-length"u8)) length = Number(value);
                else if (Is(name, "inference-header-content-length"u8)) inferenceHeader = (int)Math.Clamp(Number(value), 0, int.MaxValue);
                else if (Is(name, "transfer-encoding"u8)) isChunked = Is(value, "chunked"u8);
                else if (Is(name, "connection"u8)) closes = Is(value, "close"u8);
                else if (Is(name, "inference-refusal"u8)) refusal = (at + colon + 1 + line[(colon + 1)..].IndexOf(value), value.Length);
                else if (Is(name, "retry-after-ms"u8)) (retryAfter, isFine) = (Number(value), true);
                else if (!isFine && Is(name, "retry-after"u8)) retryAfter = Number(value) is >= 0 and var seconds ? seconds * 1000 : -1;
            }

            at += line.Length + 2;
        }

        if (status is < 200 or 204 or 304) (length, isChunked) = (0, false);
        if (length > int.MaxValue - end) throw Invalid(text, "is too long");
        bool isOpenEnded = length < 0 && !isChunked;
        head = new ResponseHead(status, end + 4, isChunked || isOpenEnded ? 0 : (int)length, inferenceHeader)
        {
            IsChunked = isChunked,
            EndsWithConnection = isOpenEnded,
            Closes = closes || isOpenEnded,
            RetryAfterMilliseconds = retryAfter,
            Refusal = refusal,
        };
        return true;
    }

    // Header names come in any case.
    private static bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> lower) => name.Length == lower.Length && Ascii.EqualsIgnoreCase(name, lower);

    private static long Number(ReadOnlySpan<byte> value) => Utf8Parser.TryParse(value, out uint number, out _) ? number : -1;

    private static InvalidDataException Invalid(ReadOnlySpan<byte> text, string problem) =>
        new($"the response {problem}: {Encoding.ASCII.GetString(text[..Math.Min(text.Length, 300)]).TrimEnd()}");
}
