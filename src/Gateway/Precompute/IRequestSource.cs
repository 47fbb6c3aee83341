namespace Gateway.Precompute;

/// <summary>The requests of an input file, one after the other; not thread-safe.</summary>
internal interface IRequestSource : IDisposable
{
    /// <summary>How far it is: from 0 to <see cref="Length"/>, in rows or bytes.</summary>
    long Position { get; }

    long Length { get; }

    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    bool TryNext(out PreparedRequest request);
}
