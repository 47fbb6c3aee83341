using System.Text;
using Gateway.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Core.Memory.Shared;

/// <summary>The regions of shared memory that clients have registered, for all protocols; the texts of failures are Triton's.</summary>
/// <remarks>
/// <b>Behaviour</b>: a region that is unregistered can be found no more; requests that have it keep it until they are done. <b>Threading</b>: any; one short lock.
/// <b>Cost</b>: no allocation to find one.
/// </remarks>
public sealed class SharedRegions
{
    /// <summary>Most regions: each keeps a file descriptor. Two a request for 512 requests at a time.</summary>
    public const int MostRegions = 1024;

    /// <summary>Most bytes of all regions together. They cost the server nothing until they are written; this only keeps mistakes from looking like successes.</summary>
    public const long MostBytes = 1L << 40;

    // Longer than any client's, short enough for the stack.
    private const int MostNameBytes = 256;
    private const string ReservedPrefix = "triton_python_backend_shm_region_";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, SharedRegion> _regions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SharedRegion>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private long _bytes;

    /// <param name="isAllowed">Whether clients may register any.</param>
    public SharedRegions(bool isAllowed)
    {
        IsAllowed = isAllowed;
        _byName = _regions.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Of servers whose clients may register none.</summary>
    public static SharedRegions Disabled { get; } = new(isAllowed: false);

    public bool IsAllowed { get; }

    /// <summary>Registers a part of an object under a name.</summary>
    /// <param name="key">Names the object; see <see cref="SharedObject"/>.</param>
    /// <exception cref="InferenceException">It cannot be: the text says why.</exception>
    public void Register(string name, string key, ulong offset, ulong byteSize)
    {
        CheckAllowed();
        if (name.Length == 0) throw Invalid("'region name' is necessary to register system shared memory region");
        if (Encoding.UTF8.GetByteCount(name) > MostNameBytes) throw Invalid($"the name of a shared memory region has at most {MostNameBytes} bytes");
        if (key.AsSpan().TrimStart('/').StartsWith(ReservedPrefix)) throw Invalid($"cannot register shared memory region '{name}' with key '{Shown(key)}' as the key contains the reserved prefix '{ReservedPrefix}'");
        lock (_lock) CheckRoomUnderLock(name, 0);
        SafeFileHandle file = SharedObject.TryOpen(key) ?? throw Invalid($"Unable to open shared memory region: '{Shown(key)}'");
        SharedRegion? region = null;
        try
        {
            if (!Reaches(file, offset, byteSize)) throw Invalid($"failed to register shared memory region '{name}': invalid args");
            region = new SharedRegion(name, key, file, (long)offset, (long)byteSize);
            lock (_lock)
            {
                CheckRoomUnderLock(name, region.Bytes);
                _regions.Add(name, region);
                _bytes += region.Bytes;
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Forgets a region, if there is one of that name.</summary>
    public void Unregister(string name)
    {
        CheckAllowed();
        SharedRegion? region;
        lock (_lock)
        {
            if (!_regions.Remove(name, out region)) return;
            _bytes -= region.Bytes;
        }

        region.Release();
    }

    /// <summary>Forgets all regions.</summary>
    public void UnregisterAll()
    {
        CheckAllowed();
        foreach (SharedRegion region in All()) Unregister(region.Name);
    }

    /// <summary>All regions, by name.</summary>
    public IReadOnlyList<SharedRegion> All()
    {
        lock (_lock) return [.. _regions.Values.OrderBy(region => region.Name, StringComparer.Ordinal)];
    }

    /// <summary>The region of that name; null when there is none.</summary>
    public SharedRegion? Find(string name)
    {
        lock (_lock) return _regions.GetValueOrDefault(name);
    }

    /// <summary>Takes a part of a region for a tensor; the caller must release it.</summary>
    /// <param name="name">In UTF-8.</param>
    /// <exception cref="InferenceException">There is no such region, or it does not reach that far.</exception>
    public SharedRange Take(ReadOnlySpan<byte> name, ulong offset, ulong byteSize)
    {
        CheckAllowed();
        SharedRegion region = Lease(name) ?? throw new InferenceException(StatusCode.NotFound, $"Unable to find shared memory region: '{Encoding.UTF8.GetString(name)}'");
        try
        {
            if (offset >= (ulong)region.Bytes) throw Invalid($"Invalid offset for shared memory region: '{region.Name}'");
            if (offset > ulong.MaxValue - byteSize) throw Invalid($"Integer overflow detected: byte_size ({byteSize}) + offset ({offset}) exceeds maximum value ({ulong.MaxValue}) for region '{region.Name}'");
            if (offset + byteSize > (ulong)region.Bytes) throw Invalid($"Invalid offset + byte size for shared memory region: '{region.Name}'");
            return new SharedRange(region, (long)offset, (long)byteSize);
        }
        catch
        {
            region.Release();
            throw;
        }
    }

    /// <exception cref="InferenceException">Clients may not register any.</exception>
    public void CheckAllowed()
    {
        if (!IsAllowed) throw new InferenceException(StatusCode.Unsupported, "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
    }

    private static bool Reaches(SafeFileHandle file, ulong offset, ulong byteSize)
    {
        try
        {
            // What is no file in memory has no length, or none above 0.
            ulong length = (ulong)RandomAccess.GetLength(file);
            return byteSize > 0 && offset <= length && byteSize <= length - offset;
        }
        catch (Exception error) when (error is NotSupportedException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private SharedRegion? Lease(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MostNameBytes) return null;
        Span<char> name = stackalloc char[MostNameBytes];
        if (!Encoding.UTF8.TryGetChars(utf8, name, out int length)) return null;
        lock (_lock)
        {
            if (!_byName.TryGetValue(name[..length], out SharedRegion? region)) return null;

            // Under the lock: whoever unregisters it gives its own reference back later.
            region.AddReference();
            return region;
        }
    }

    private void CheckRoomUnderLock(string name, long bytes)
    {
        if (_regions.ContainsKey(name)) throw new InferenceException(StatusCode.AlreadyExists, $"shared memory region '{name}' already in manager");
        if (_regions.Count >= MostRegions) throw new InferenceException(StatusCode.ResourceExhausted, $"at most {MostRegions} shared memory regions can be registered");
        if (bytes > MostBytes - _bytes) throw new InferenceException(StatusCode.ResourceExhausted, $"shared memory regions can have at most {MostBytes} bytes together");
    }

    private static string Shown(string key) => key.Length <= 256 ? key : key[..256] + "...";

    private static InferenceException Invalid(string text) => new(StatusCode.InvalidArgument, text);
}
