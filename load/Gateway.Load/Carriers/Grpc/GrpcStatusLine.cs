using System.Buffers.Text;

namespace Gateway.Load.Carriers.Grpc;

/// <summary>What headers and trailers say of a call: HTTP's status, gRPC's, and what belongs to it.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: no allocation; texts are cut at <see cref="MostText"/> bytes.</remarks>
internal sealed class GrpcStatusLine
{
    /// <summary>Longest text that is kept.</summary>
    public const int MostText = 2048;

    private readonly byte[] _message = new byte[MostText];
    private readonly ReasonText _reason = new();
    private readonly byte[] _refusal = new byte[64];
    private int _messageBytes;
    private int _refusalBytes;

    /// <summary>HTTP's; 0 where the block has none.</summary>
    public int HttpStatus { get; private set; }

    /// <summary>gRPC's; -1 where the block has none.</summary>
    public int Status { get; private set; }

    /// <summary>By <c>grpc-retry-pushback-ms</c>; -1 without, <see cref="CallAnswer.NeverAgain"/> where it asks for no other attempt.</summary>
    public long RetryAfterMilliseconds { get; private set; }

    /// <summary>The text of the status.</summary>
    public ReadOnlySpan<byte> Message => _message.AsSpan(0, _messageBytes);

    public void Clear()
    {
        HttpStatus = 0;
        Status = -1;
        RetryAfterMilliseconds = -1;
        _messageBytes = _refusalBytes = 0;
    }

    public void Take(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        switch (name.Length)
        {
            case 7 when name.SequenceEqual(":status"u8):
                HttpStatus = Utf8Parser.TryParse(value, out int http, out int digits) && digits == 3 && value.Length == 3 ? http : throw new InvalidDataException("the server's status is none");
                break;
            case 11 when name.SequenceEqual("grpc-status"u8):
                Status = Utf8Parser.TryParse(value, out int status, out int read) && read == value.Length && status >= 0 ? status : 2;
                break;
            case 12 when name.SequenceEqual("grpc-message"u8):
                _messageBytes = Unescape(value, _message);
                break;
            case 17 when name.SequenceEqual("inference-refusal"u8):
                _refusalBytes = Math.Min(value.Length, _refusal.Length);
                value[.._refusalBytes].CopyTo(_refusal);
                break;
            case 22 when name.SequenceEqual("grpc-retry-pushback-ms"u8):
                RetryAfterMilliseconds = Utf8Parser.TryParse(value, out int after, out int all) && all == value.Length && after >= 0 ? after : CallAnswer.NeverAgain;
                break;
        }
    }

    /// <summary>The status's name, and the server's reason for a refusal.</summary>
    public ReadOnlySpan<byte> Reason() => _reason.Of(GrpcStatusName.Of(Status), _refusal.AsSpan(0, _refusalBytes));

    /// <summary>Takes back what a header cannot carry as it is: <c>%XX</c>.</summary>
    private static int Unescape(ReadOnlySpan<byte> value, Span<byte> to)
    {
        int written = 0;
        for (int i = 0; i < value.Length && written < to.Length; i++)
        {
            if (value[i] == '%' && i + 2 < value.Length && Utf8Parser.TryParse(value.Slice(i + 1, 2), out byte escaped, out int digits, 'x') && digits == 2)
            {
                to[written++] = escaped;
                i += 2;
            }
            else
            {
                to[written++] = value[i];
            }
        }

        return written;
    }
}
