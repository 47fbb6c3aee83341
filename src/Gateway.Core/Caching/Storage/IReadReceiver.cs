namespace Gateway.Core.Caching.Storage;

/// <summary>Is told how a read of the disk ended.</summary>
internal interface IReadReceiver
{
    /// <param name="status"><see cref="ReadStatus.Found"/>, <see cref="ReadStatus.NotFound"/> or <see cref="ReadStatus.Unreadable"/>.</param>
    /// <param name="entry">As of <see cref="IResponseStore.Read"/>; the receiver's to release.</param>
    void OnRead(ReadStatus status, in StoredEntry entry);
}
