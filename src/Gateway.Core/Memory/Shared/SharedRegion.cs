using Microsoft.Win32.SafeHandles;

namespace Gateway.Core.Memory.Shared;

/// <summary>A part of an object in shared memory that a client has registered.</summary>
/// <remarks>
/// <b>Behaviour</b>: bytes are read and written through the object's file descriptor, and never by touching a mapping. Whoever owns the object can shrink it at any time, and what touches a mapped page that
/// is gone is killed by SIGBUS, however short ago its size was looked at; <c>pread</c> returns fewer bytes instead. It can also change the bytes at any time: what has been read is the server's own copy, so what was checked
/// is what is used. <b>Threading</b>: any. <b>Ownership</b>: counted by its users; the last <see cref="Release"/> closes the object.
/// <b>Cost</b>: one system call and one copy, from the object's pages to where the tensor is to lie, or back; no allocation.
/// </remarks>
public sealed class SharedRegion
{
    private readonly SafeFileHandle _file;
    private int _references = 1;

    internal SharedRegion(string name, string key, SafeFileHandle file, long offset, long bytes)
    {
        Name = name;
        Key = key;
        Offset = offset;
        Bytes = bytes;
        _file = file;
    }

    public string Name { get; }

    /// <summary>Names the object, as the client gave it.</summary>
    public string Key { get; }

    /// <summary>Where in the object it begins.</summary>
    public long Offset { get; }

    public long Bytes { get; }

    /// <summary>Reads all of <paramref name="to"/> from <paramref name="offset"/> within the region, which reaches that far.</summary>
    /// <returns>False when the object has become shorter, or cannot be read.</returns>
    internal bool TryRead(long offset, Span<byte> to)
    {
        try
        {
            while (to.Length > 0)
            {
                int read = RandomAccess.Read(_file, to, Offset + offset);
                if (read == 0) return false;
                offset += read;
                to = to[read..];
            }

            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Writes at <paramref name="offset"/> within the region, which reaches far enough.</summary>
    /// <returns>False when the object has become shorter, may not be written, or the system has no memory for it.</returns>
    /// <remarks>If it is shortened between the look and the write, the write makes it longer again, no longer than it was when it was registered.</remarks>
    internal bool TryWrite(long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (RandomAccess.GetLength(_file) < Offset + offset + bytes.Length) return false;
            RandomAccess.Write(_file, bytes, Offset + offset);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Whether two ranges, each within its region, have bytes of the same object in common.</summary>
    internal static bool Overlap(in SharedRange one, in SharedRange other)
    {
        long first = one.Region!.Offset + one.Offset;
        long second = other.Region!.Offset + other.Offset;
        return first < second + other.Bytes && second < first + one.Bytes && one.Region.Key.AsSpan().TrimStart('/').SequenceEqual(other.Region.Key.AsSpan().TrimStart('/'));
    }

    internal void AddReference() => Interlocked.Increment(ref _references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) _file.Dispose();
    }
}
