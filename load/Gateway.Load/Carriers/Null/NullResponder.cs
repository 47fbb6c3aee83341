namespace Gateway.Load.Carriers.Null;

/// <summary>Answers the requests of one connection at once.</summary>
internal abstract class NullResponder
{
    /// <returns>Bytes taken of <paramref name="received"/>: whole requests, each answered.</returns>
    public abstract int Answer(ReadOnlySpan<byte> received, OutputBuffer output);

    /// <summary>Bytes that the next request is known to take.</summary>
    public virtual int Wanted => 0;
}
