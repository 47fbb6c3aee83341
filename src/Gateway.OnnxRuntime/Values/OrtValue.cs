using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Native;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Values;

/// <summary>A tensor that a run reads or writes: over memory of the caller's, or in memory that ONNX Runtime allocated.</summary>
/// <remarks>
/// Behaviour: shape, type and address never change; what is in the memory may.
/// Threading: describing it is safe from any thread; who reads and writes the contents when is the caller's business.
/// Ownership: the caller disposes it; a binding that has it keeps the native tensor alive by itself. Nothing keeps the caller's memory alive.
/// Cost: making one allocates and calls the library several times; the properties afterwards are plain reads.
/// </remarks>
public sealed unsafe class OrtValue : IDisposable
{
    private readonly nint _data;
    private readonly long[] _shape = [];

    private OrtValue(nint native, OrtHandle? owner, OrtHandle? allocatorSession = null)
    {
        AllocatorSession = allocatorSession;
        Handle = new OrtHandle(native, OrtLibrary.Api->ReleaseValue, owner);
        try
        {
            OrtValueKind kind;
            OrtStatus.Check(OrtLibrary.Api->GetValueType(native, &kind));
            Kind = kind;
            if (kind != OrtValueKind.Tensor) return;

            (ElementType, _shape, ElementCount) = Describe(native);
            nint memory;
            OrtStatus.Check(OrtLibrary.Api->GetTensorMemoryInfo(native, &memory));
            int deviceType;
            OrtLibrary.Api->MemoryInfoGetDeviceType(memory, &deviceType);
            IsOnCpu = deviceType == 0;
            if (ElementType == DataType.Bytes) return;

            nuint byteLength;
            OrtStatus.Check(OrtLibrary.Api->GetTensorSizeInBytes(native, &byteLength));
            ByteLength = byteLength;
            nint data;
            OrtStatus.Check(OrtLibrary.Api->GetTensorMutableData(native, &data));
            _data = data;
        }
        catch
        {
            Handle.Dispose();
            throw;
        }
    }

    public OrtValueKind Kind { get; }

    /// <summary><see cref="DataType.Invalid"/> when it is not a tensor, or one of a type that the protocols have no word for.</summary>
    public DataType ElementType { get; }

    /// <summary>Elements of each dimension; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    public long ElementCount { get; }

    /// <summary>Bytes at <see cref="Data"/>; 0 for strings.</summary>
    public nuint ByteLength { get; }

    /// <summary>Whether this process can read <see cref="Data"/>: true for ordinary and page-locked memory, false for a device's.</summary>
    public bool IsOnCpu { get; }

    /// <summary>Address of the elements; 0 for strings, which are read with <see cref="CopyStringsTo"/>.</summary>
    /// <exception cref="ObjectDisposedException">The tensor is disposed.</exception>
    public nint Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(Handle.IsDisposed, this);
            return _data;
        }
    }

    internal OrtHandle Handle { get; }

    /// <summary>The session whose allocator holds the memory; null when it is anyone else's.</summary>
    internal OrtHandle? AllocatorSession { get; }

    /// <summary>Makes a tensor over the caller's memory, which has to stay where it is until the last run that uses the tensor ends.</summary>
    /// <param name="memory">What kind of memory it is.</param>
    /// <param name="data">Address of the first element.</param>
    /// <param name="byteLength">Bytes at <paramref name="data"/>: at least what the shape takes.</param>
    /// <param name="shape">Each at least 0; empty for a scalar.</param>
    /// <param name="type">Any but <see cref="DataType.Bytes"/>.</param>
    public static OrtValue OverMemory(OrtMemoryInfo memory, nint data, nuint byteLength, ReadOnlySpan<long> shape, DataType type)
    {
        ArgumentNullException.ThrowIfNull(memory);
        if (type == DataType.Bytes)
        {
            throw new ArgumentException("Strings lie in ONNX Runtime's own memory: allocate the tensor and fill it.", nameof(type));
        }

        using OrtHandle.Lease memoryInfo = memory.Handle.Use();
        nint native;
        fixed (long* dimensions = NeverNull(shape))
        {
            OrtStatus.Check(OrtLibrary.Api->CreateTensorWithDataAsOrtValue(
                memoryInfo.Native, data, byteLength, dimensions, (nuint)shape.Length, ElementTypes.ToNative(type), &native));
        }

        return new OrtValue(native, null);
    }

    /// <summary>Makes a tensor in memory of the allocator; what is in it is undefined, strings are empty.</summary>
    /// <param name="allocator">For strings <see cref="OrtAllocator.Default"/>; a session's own makes tensors for that session's bindings only.</param>
    /// <param name="shape">Each at least 0; empty for a scalar.</param>
    /// <param name="type">Any type.</param>
    public static OrtValue Allocate(OrtAllocator allocator, ReadOnlySpan<long> shape, DataType type)
    {
        ArgumentNullException.ThrowIfNull(allocator);
        allocator.ThrowIfDisposed();
        nint native;
        fixed (long* dimensions = NeverNull(shape))
        {
            OrtStatus.Check(OrtLibrary.Api->CreateTensorAsOrtValue(
                allocator.Native, dimensions, (nuint)shape.Length, ElementTypes.ToNative(type), &native));
        }

        return new OrtValue(native, allocator.Session, allocator.Session);
    }

    /// <summary>Sets the strings of the tensor from their protocol form: each a 32-bit little-endian length and that many bytes.</summary>
    /// <param name="raw">Borrowed for the call.</param>
    /// <param name="count">Strings in <paramref name="raw"/>, which are those of the first elements; the rest of the tensor is left as it is.</param>
    /// <exception cref="ArgumentException">The bytes are not that many strings; the message names the first that is wrong.</exception>
    public void FillStrings(ReadOnlySpan<byte> raw, int count)
    {
        RequireStrings();
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, ElementCount);
        using OrtHandle.Lease value = Handle.Use();
        StringTensors.Fill(value.Native, raw, count);
    }

    /// <summary>Bytes that <see cref="CopyStringsTo"/> writes.</summary>
    public long GetStringsByteCount()
    {
        RequireStrings();
        using OrtHandle.Lease value = Handle.Use();
        return StringTensors.ByteCount(value.Native, ElementCount);
    }

    /// <summary>Writes the strings in their protocol form: each a 32-bit little-endian length and that many bytes.</summary>
    /// <param name="raw">At least <see cref="GetStringsByteCount"/> bytes.</param>
    public void CopyStringsTo(Span<byte> raw)
    {
        RequireStrings();
        using OrtHandle.Lease value = Handle.Use();
        StringTensors.CopyTo(value.Native, ElementCount, raw);
    }

    public void Dispose() => Handle.Dispose();

    public override string ToString() => $"{ElementType.WireName()}[{string.Join(',', _shape)}]";

    /// <summary>Takes ownership of a value that the library made.</summary>
    internal static OrtValue Take(nint native, OrtHandle owner) => new(native, owner);

    // A fixed empty span is a null pointer, which the library refuses even for no dimensions.
    private static ReadOnlySpan<long> NeverNull(ReadOnlySpan<long> shape) => shape.IsEmpty ? [0L] : shape;

    private static (DataType Type, long[] Shape, long Count) Describe(nint native)
    {
        nint info;
        OrtStatus.Check(OrtLibrary.Api->GetTensorTypeAndShape(native, &info));
        try
        {
            int elementType;
            nuint rank, count;
            OrtStatus.Check(OrtLibrary.Api->GetTensorElementType(info, &elementType));
            OrtStatus.Check(OrtLibrary.Api->GetDimensionsCount(info, &rank));
            OrtStatus.Check(OrtLibrary.Api->GetTensorShapeElementCount(info, &count));
            long[] shape = new long[rank];
            if (rank > 0)
            {
                fixed (long* dimensions = shape) OrtStatus.Check(OrtLibrary.Api->GetDimensions(info, dimensions, rank));
            }

            return (ElementTypes.FromNative(elementType), shape, (long)count);
        }
        finally
        {
            OrtLibrary.Api->ReleaseTensorTypeAndShapeInfo(info);
        }
    }

    private void RequireStrings()
    {
        if (ElementType != DataType.Bytes) throw new InvalidOperationException($"The tensor holds {ElementType.WireName()}, not strings.");
    }
}
