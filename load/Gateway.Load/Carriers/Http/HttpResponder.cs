using System.Buffers.Text;
using Gateway.Load.Carriers.Null;

namespace Gateway.Load.Carriers.Http;

/// <summary>Answers each HTTP request with the same bytes.</summary>
internal sealed class HttpResponder(byte[] answer) : NullResponder
{
    private int _wanted;

    // As the carriers write it.
    private static ReadOnlySpan<byte> LengthHeader => "\r\nContent-Length: "u8;

    public override int Wanted => _wanted;

    public override int Answer(ReadOnlySpan<byte> received, OutputBuffer output)
    {
        int taken = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = received[taken..];
            int head = rest.IndexOf("\r\n\r\n"u8);
            if (head < 0) return taken;
            int at = rest[..head].IndexOf(LengthHeader);
            int body = at >= 0 && Utf8Parser.TryParse(rest[(at + LengthHeader.Length)..], out int length, out _) ? length : 0;
            _wanted = head + 4 + body;
            if (rest.Length < _wanted) return taken;
            taken += _wanted;
            _wanted = 0;
            output.Append(answer);
        }
    }
}
