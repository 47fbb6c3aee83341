namespace Gateway.Load.Carriers.Grpc;

/// <summary><c>grpc-timeout</c> as text of fixed length: eight digits and a unit.</summary>
internal static class GrpcTimeoutField
{
    public const string Name = "grpc-timeout";
    public const int Bytes = Digits + 1;

    private const int Digits = 8;
    private const long MostMicroseconds = 99_999_999;

    /// <param name="microseconds">Above 0; a thousand days at most.</param>
    public static void Write(Span<byte> to, long microseconds)
    {
        bool isFine = microseconds <= MostMicroseconds;
        long value = isFine ? microseconds : Math.Min(microseconds / 1000, MostMicroseconds);
        to[Digits] = isFine ? (byte)'u' : (byte)'m';
        for (int i = Digits - 1; i >= 0; i--)
        {
            to[i] = (byte)('0' + (value % 10));
            value /= 10;
        }
    }
}
