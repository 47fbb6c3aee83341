using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Gateway.Core.Scheduling;

/// <summary>What a refused client is told: put into words where it is sent, since an overload brings refusals by the hundred thousand a second.</summary>
/// <param name="PredictedMicroseconds">From the request's arrival to when it would have been finished; meaningful for those refused for the sake of a deadline.</param>
/// <param name="TimeoutMicroseconds">From its arrival to its deadline; likewise.</param>
/// <param name="Ahead">Rows that it would have been served behind, when it was refused; where the queue is full, requests that wait, which its bound is for. Null where that is not known.</param>
/// <remarks><b>Cost</b>: no allocation to write it as UTF-8.</remarks>
public readonly record struct RefusalText(RefusalReason Reason, long PredictedMicroseconds = 0, long TimeoutMicroseconds = 0, long? Ahead = null)
{
    /// <summary>Bytes of the longest one for a request without an id.</summary>
    public const int MostBytes = 192;

    // As Triton names a request without an id.
    private static ReadOnlySpan<byte> UnknownId => "[request id: <id_unknown>] "u8;

    /// <summary>Writes the text for a request without an id, as UTF-8.</summary>
    /// <param name="to">At least <see cref="MostBytes"/>.</param>
    /// <returns>Bytes written.</returns>
    public int Write(Span<byte> to)
    {
        UnknownId.CopyTo(to);
        return UnknownId.Length + WriteReason(to[UnknownId.Length..]);
    }

    /// <summary>The text for a request of this id, which may be empty.</summary>
    public string For(string id)
    {
        Span<byte> text = stackalloc byte[MostBytes];
        return id.Length == 0
            ? Encoding.UTF8.GetString(text[..Write(text)])
            : $"[request id: {id}] {Encoding.UTF8.GetString(text[..WriteReason(text)])}";
    }

    private int WriteReason(Span<byte> to)
    {
        if (Reason == RefusalReason.QueueFull)
        {
            int length = Encoding.UTF8.GetBytes(Refusals.QueueFull, to);
            return length + WriteBehind("requests", to[length..]);
        }

        (long predicted, long predictedRest) = Math.DivRem(PredictedMicroseconds, 1000);
        (long timeout, long timeoutRest) = Math.DivRem(TimeoutMicroseconds, 1000);
        int written = Fits(Utf8.TryWrite(to, CultureInfo.InvariantCulture, $"Request would be finished after {predicted}.{predictedRest:D3} ms", out int ofEnd), ofEnd);
        written += WriteBehind("rows", to[written..]);
        return written + Fits(Utf8.TryWrite(to[written..], CultureInfo.InvariantCulture, $", and its deadline is {timeout}.{timeoutRest:D3} ms", out int ofDeadline), ofDeadline);
    }

    private int WriteBehind(string what, Span<byte> to) => Ahead is { } count ? Fits(Utf8.TryWrite(to, CultureInfo.InvariantCulture, $", behind {count} {what}", out int written), written) : 0;

    private static int Fits(bool fits, int written) => fits ? written : throw new ArgumentException($"must have room for {MostBytes} bytes");
}
