namespace Gateway.Core.Caching.Storage;

/// <summary>Is told how a read of the disk ended.</summary>
internal interface IReadReceiver
{
    /// <param name="entry">Null when there was nothing; else the receiver's to release.</param>
    void OnRead(StoredEntry? entry);
}
