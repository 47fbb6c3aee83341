using System.Buffers.Text;
using System.Text;

namespace Gateway.Harness.Load;

/// <summary>The little of an HTTP/1.1 response's head that the client needs.</summary>
/// <param name="Status">Status code.</param>
/// <param name="HeadBytes">Bytes up to and with the empty line.</param>
/// <param name="BodyBytes">From <c>Content-Length</c>; 0 without.</param>
/// <param name="InferenceHeaderBytes">From <c>Inference-Header-Content-Length</c>; 0 without.</param>
internal readonly record struct ResponseHead(int Status, int HeadBytes, int BodyBytes, int InferenceHeaderBytes)
{
    /// <returns>False when the head is not complete yet.</returns>
    /// <exception cref="InvalidDataException">It is not HTTP/1.1, or has no <c>Content-Length</c>.</exception>
    public static bool TryParse(ReadOnlySpan<byte> received, out ResponseHead head)
    {
        head = default;
        int end = received.IndexOf("\r\n\r\n"u8);
        if (end < 0) return false;
        ReadOnlySpan<byte> text = received[..(end + 2)];
        if (!text.StartsWith("HTTP/1.1 "u8) || !Utf8Parser.TryParse(text[9..], out int status, out _)) throw Invalid(text, "is not HTTP/1.1");

        // With the line break before it, for one name ends with the other.
        int body = Find(text, "\r\nContent-Length: "u8);
        if (body < 0) throw Invalid(text, "has no Content-Length");
        head = new ResponseHead(status, end + 4, body, Math.Max(0, Find(text, "\r\nInference-Header-Content-Length: "u8)));
        return true;
    }

    private static int Find(ReadOnlySpan<byte> text, ReadOnlySpan<byte> line)
    {
        int at = text.IndexOf(line);
        if (at >= 0) return Utf8Parser.TryParse(text[(at + line.Length)..], out int value, out _) ? value : -1;
        return FindSlow(text, line);
    }

    // Header names may come in any case; the servers measured here all write them as above.
    private static int FindSlow(ReadOnlySpan<byte> text, ReadOnlySpan<byte> line)
    {
        string wanted = Encoding.ASCII.GetString(line);
        string all = Encoding.ASCII.GetString(text);
        int at = all.IndexOf(wanted, StringComparison.OrdinalIgnoreCase);
        return at >= 0 && Utf8Parser.TryParse(text[(at + line.Length)..], out int value, out _) ? value : -1;
    }

    private static InvalidDataException Invalid(ReadOnlySpan<byte> text, string problem) =>
        new($"the response {problem}: {Encoding.ASCII.GetString(text)}");
}
