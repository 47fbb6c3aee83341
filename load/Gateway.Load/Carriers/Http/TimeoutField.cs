namespace Gateway.Load.Carriers.Http;

/// <summary>Milliseconds as text of fixed length, written over those of the last request.</summary>
internal static class TimeoutField
{
    /// <summary><c>00000050.000</c>.</summary>
    public const int Bytes = WholeDigits + 1 + MicrosecondDigits;

    private const int WholeDigits = 8;
    private const int MicrosecondDigits = 3;

    public static void Write(Span<byte> to, long microseconds)
    {
        for (int i = Bytes - 1; i >= 0; i--)
        {
            if (i == WholeDigits)
            {
                to[i] = (byte)'.';
                continue;
            }

            to[i] = (byte)('0' + (microseconds % 10));
            microseconds /= 10;
        }
    }
}
