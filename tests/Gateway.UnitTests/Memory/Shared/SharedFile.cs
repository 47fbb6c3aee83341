namespace Gateway.UnitTests.Memory.Shared;

/// <summary>An object in shared memory, as a client has it.</summary>
internal sealed class SharedFile : IDisposable
{
    private readonly FileStream _stream;

    public SharedFile(byte[] bytes)
    {
        Key = $"/gateway-test-{Guid.NewGuid():N}";
        _stream = new FileStream(Path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        _stream.Write(bytes);
    }

    public string Key { get; }

    public string Path => $"/dev/shm{Key}";

    public byte[] Bytes => File.ReadAllBytes(Path);

    /// <summary>Makes it shorter, or longer.</summary>
    public void Resize(long bytes) => _stream.SetLength(bytes);

    public void Dispose()
    {
        _stream.Dispose();
        File.Delete(Path);
    }
}
