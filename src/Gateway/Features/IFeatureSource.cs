namespace Gateway.Features;

/// <summary>The rows of a file, one after the other; not thread-safe.</summary>
internal interface IFeatureSource : IDisposable
{
    /// <summary>How far it is: from 0 to <see cref="Length"/>, in rows or bytes.</summary>
    long Position { get; }

    long Length { get; }

    /// <summary>Adds the next row to a batch.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="InvalidDataException">The file is damaged, or does not fit the view; the message says where and what.</exception>
    bool TryNext(FeatureBatch batch);
}
