using System.Text;
using Gateway.Core.Memory.Shared.Cuda;
using Gateway.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Gateway.Core.Memory.Shared;

/// <summary>The regions of shared memory that clients have registered, for all protocols; the texts of failures are Triton's.</summary>
/// <remarks>
/// <b>Behaviour</b>: a name is one region's, of whatever family; a region that is unregistered can be found no more; requests that have it keep it until they are done. <b>Threading</b>: any; one short lock.
/// <b>Cost</b>: no allocation to find one.
/// </remarks>
public sealed class SharedRegions
{
    /// <summary>Most regions: each keeps a file descriptor, or a mapping of a device's. Two a request for 512 requests at a time.</summary>
    public const int MostRegions = 1024;

    /// <summary>Most bytes of all regions together. They cost the server nothing until they are written; this only keeps mistakes from looking like successes.</summary>
    public const long MostBytes = 1L << 40;

    // Longer than any client's, short enough for the stack.
    private const int MostNameBytes = 256;
    private const string ReservedPrefix = "triton_python_backend_shm_region_";

    private readonly Lock _lock = new();
    private readonly Dictionary<string, SharedRegion> _regions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SharedRegion>.AlternateLookup<ReadOnlySpan<char>> _byName;
    private readonly Lazy<ICudaDriver?> _cuda;
    private long _bytes;

    /// <param name="isAllowed">Whether clients may register any.</param>
    /// <param name="loadCuda">Loads the driver when the first call needs it; null, or giving null, where no memory of CUDA devices can be registered.</param>
    public SharedRegions(bool isAllowed, Func<ICudaDriver?>? loadCuda = null)
    {
        IsAllowed = isAllowed;
        _cuda = new Lazy<ICudaDriver?>(loadCuda ?? (static () => null));
        _byName = _regions.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Of servers whose clients may register none.</summary>
    public static SharedRegions Disabled { get; } = new(isAllowed: false);

    public bool IsAllowed { get; }

    /// <summary>Whether clients may register memory of CUDA devices, and there is a driver.</summary>
    public bool HasCuda => IsAllowed && _cuda.Value is not null;

    /// <summary>Registers a part of an object under a name.</summary>
    /// <param name="key">Names the object; see <see cref="SharedObject"/>.</param>
    /// <exception cref="InferenceException">It cannot be: the text says why.</exception>
    public void Register(string name, string key, ulong offset, ulong byteSize)
    {
        CheckAllowed();
        CheckName(name, "system");
        if (key.AsSpan().TrimStart('/').StartsWith(ReservedPrefix)) throw Invalid($"cannot register shared memory region '{name}' with key '{Shown(key)}' as the key contains the reserved prefix '{ReservedPrefix}'");
        lock (_lock) CheckRoomUnderLock(name, 0);
        SafeFileHandle file = SharedObject.TryOpen(key) ?? throw Invalid($"Unable to open shared memory region: '{Shown(key)}'");
        try
        {
            if (!Reaches(file, offset, byteSize)) throw Invalid($"failed to register shared memory region '{name}': invalid args");
            Add(new SystemRegion(name, key, file, (long)offset, (long)byteSize));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Registers memory of a CUDA device under a name.</summary>
    /// <param name="handle">A <c>cudaIpcMemHandle_t</c>, from the process that has allocated it.</param>
    /// <exception cref="InferenceException">It cannot be: the text says why.</exception>
    public void RegisterCuda(string name, ReadOnlySpan<byte> handle, long deviceId, ulong byteSize)
    {
        ICudaDriver driver = CheckCuda(name);
        if (handle.Length != CudaRegion.HandleBytes) throw Invalid($"'raw_handle' must be a valid cudaIpcMemHandle_t, which has {CudaRegion.HandleBytes} bytes");
        if (byteSize is 0 or > long.MaxValue) throw Invalid($"failed to register CUDA shared memory region '{name}': invalid args");
        lock (_lock) CheckRoomUnderLock(name, 0);
        try
        {
            CudaRegion region = CudaRegion.Open(driver, name, handle, deviceId, (long)byteSize);
            try
            {
                if (!region.IsWithin()) throw Invalid($"failed to register CUDA shared memory region '{name}': invalid args");
                Add(region);
            }
            catch
            {
                region.Release();
                throw;
            }
        }
        catch (CudaException error)
        {
            throw Invalid($"failed to register CUDA shared memory region '{name}': {error.Message}");
        }
    }

    /// <summary>Checks that memory of CUDA devices can be registered under that name.</summary>
    /// <exception cref="InferenceException">It cannot be. Triton says of a server without the driver that the client has made a mistake; here it is the server that cannot.</exception>
    public ICudaDriver CheckCuda(string name)
    {
        CheckAllowed();
        CheckName(name, "cuda");
        return _cuda.Value ?? throw new InferenceException(StatusCode.Unsupported, $"failed to register CUDA shared memory region: '{name}', GPUs not supported");
    }

    /// <summary>Forgets a region of a family, if it has one of that name.</summary>
    public void Unregister<T>(string name)
        where T : SharedRegion
    {
        CheckAllowed();
        SharedRegion? region;
        lock (_lock)
        {
            if (!_regions.TryGetValue(name, out region) || region is not T) return;
            _regions.Remove(name);
            _bytes -= region.Bytes;
        }

        region.Release();
    }

    /// <summary>Forgets all regions of a family.</summary>
    public void UnregisterAll<T>()
        where T : SharedRegion
    {
        CheckAllowed();
        foreach (T region in All<T>()) Unregister<T>(region.Name);
    }

    /// <summary>All regions of a family, by name.</summary>
    public IReadOnlyList<T> All<T>()
        where T : SharedRegion
    {
        lock (_lock) return [.. _regions.Values.OfType<T>().OrderBy(region => region.Name, StringComparer.Ordinal)];
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

    private void Add(SharedRegion region)
    {
        lock (_lock)
        {
            CheckRoomUnderLock(region.Name, region.Bytes);
            _regions.Add(region.Name, region);
            _bytes += region.Bytes;
        }
    }

    private static void CheckName(string name, string family)
    {
        if (name.Length == 0) throw Invalid($"'region name' is necessary to register {family} shared memory region");
        if (Encoding.UTF8.GetByteCount(name) > MostNameBytes) throw Invalid($"the name of a shared memory region has at most {MostNameBytes} bytes");
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
