using Gateway.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Core.Memory.Shared;

/// <summary>A part of an object in POSIX shared memory that a client has registered.</summary>
/// <remarks>
/// <b>Behaviour</b>: bytes are read and written through the object's file descriptor, and never by touching a mapping. Whoever owns the object can shrink it at any time, and what touches a mapped page that
/// is gone is killed by SIGBUS, however short ago its size was looked at; <c>pread</c> returns fewer bytes instead. It can also change the bytes at any time: what has been read is the server's own copy, so what was checked
/// is what is used. <b>Cost</b>: one system call and one copy, from the object's pages to where the tensor is to lie, or back; no allocation.
/// </remarks>
public sealed class SystemRegion : SharedRegion
{
    private readonly SafeFileHandle _file;

    internal SystemRegion(string name, string key, SafeFileHandle file, long offset, long bytes)
        : base(name, bytes)
    {
        Key = key;
        Offset = offset;
        _file = file;
    }

    /// <summary>Names the object, as the client gave it.</summary>
    public string Key { get; }

    /// <summary>Where in the object it begins.</summary>
    public long Offset { get; }

    private protected override ulong Start => (ulong)Offset;

    /// <exception cref="InferenceException">The object has become shorter, or cannot be read.</exception>
    internal override void Read(long offset, Span<byte> to)
    {
        try
        {
            while (to.Length > 0)
            {
                int read = RandomAccess.Read(_file, to, Offset + offset);
                if (read == 0) throw Gone();
                offset += read;
                to = to[read..];
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Gone();
        }
    }

    /// <exception cref="InferenceException">The object has become shorter, may not be written, or the system has no memory for it.</exception>
    /// <remarks>If it is shortened between the look and the write, the write makes it longer again, no longer than it was when it was registered.</remarks>
    internal override void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (RandomAccess.GetLength(_file) < Offset + offset + bytes.Length) throw Gone();
            RandomAccess.Write(_file, bytes, Offset + offset);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Gone();
        }
    }

    private protected override bool IsPartOfSame(SharedRegion other) => other is SystemRegion region && Key.AsSpan().TrimStart('/').SequenceEqual(region.Key.AsSpan().TrimStart('/'));

    private protected override void Close() => _file.Dispose();

    private InferenceException Gone() => new(StatusCode.InvalidArgument, $"the object behind shared memory region '{Name}' can no longer be read and written as far as it was registered");
}
