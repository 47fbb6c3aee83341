namespace Gateway.Core.Memory.Shared.Cuda;

/// <summary>What is wanted of the CUDA driver: memory that another process has allocated, opened by its handle and copied from and to.</summary>
/// <remarks>Every function but those that give something back throws a <see cref="CudaException"/> when it fails. <b>Threading</b>: any; the current context is each thread's own.</remarks>
public interface ICudaDriver
{
    /// <param name="ordinal">Counts the devices, from 0.</param>
    int GetDevice(int ordinal);

    /// <summary>The device's primary context, which all of a process share; <see cref="ReleaseContext"/> gives it back, and the last one ends it.</summary>
    nint RetainContext(int device);

    void ReleaseContext(int device);

    /// <summary>Makes a context the thread's current one, until <see cref="PopContext"/>.</summary>
    void PushContext(nint context);

    void PopContext();

    /// <summary>Maps the memory that a <c>cudaIpcMemHandle_t</c> names into the current context. A handle that is open already gives the same address again, and is counted.</summary>
    /// <returns>Its address.</returns>
    ulong OpenHandle(ReadOnlySpan<byte> handle);

    void CloseHandle(ulong address);

    /// <summary>How many bytes the allocation has that <paramref name="address"/> lies in, from there on.</summary>
    ulong BytesFrom(ulong address);

    void CopyToHost(ulong from, Span<byte> to);

    /// <summary>Copies to the device; once it returns, the bytes are there for whoever looks.</summary>
    void CopyToDevice(ReadOnlySpan<byte> from, ulong to);
}
