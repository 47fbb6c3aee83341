using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Gateway.Client.Messages;
using Gateway.Protocol.Tensors;

namespace Gateway.Client;

/// <summary>An inference to ask for: a model, and tensors that stay where they are until they are sent.</summary>
/// <remarks>
/// <para><b>Behaviour</b>: may be sent any number of times, and cleared and filled again, to spare allocations. Shapes are checked against the elements at once.</para>
/// <para><b>Threading</b>: one thread fills it; once filled it may be sent by many.</para>
/// <para>
/// <b>Ownership</b>: borrows the memory of its inputs from the moment they are added until the last call that was made with it ends; neither it nor they may be
/// changed meanwhile. <see cref="AddInputCopy{T}"/> copies instead.
/// </para>
/// <para><b>Cost</b>: tensors are copied once, into what the connection sends; no allocation while it has had as many inputs before.</para>
/// </remarks>
public sealed class InferenceRequest
{
    private RequestInput[] _inputs = new RequestInput[2];
    private int _inputCount;
    private List<string>? _outputs;
    private byte[] _copies = [];
    private int _copied;

    /// <param name="modelVersion">Null for the highest version that is ready.</param>
    public InferenceRequest(string modelName, string? modelVersion = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelName);
        ModelName = modelName;
        ModelVersion = modelVersion;
    }

    public string ModelName { get; }

    public string? ModelVersion { get; }

    /// <summary>Comes back in the answer and in error texts; an answer with another one is refused.</summary>
    public string? Id { get; set; }

    /// <summary>Time for the call; null for <see cref="InferenceClientOptions.Timeout"/>, infinite for none.</summary>
    public TimeSpan? Timeout { get; set; }

    /// <summary>1 is the highest; 0 leaves it to the model.</summary>
    public int Priority { get; set; }

    /// <summary>Whether the answer is to say what each stage took, and what was predicted: <see cref="InferenceResponse.ServerTiming"/>.</summary>
    public bool Explain { get; set; }

    /// <summary>What it wants of the response cache, of a model that has one.</summary>
    public CacheDirective Cache { get; set; }

    internal bool HasParameters => Priority > 0 || Explain || Cache != CacheDirective.Use;

    internal ReadOnlySpan<RequestInput> Inputs => _inputs.AsSpan(0, _inputCount);

    internal List<string>? Outputs => _outputs;

    /// <summary>What was copied by <see cref="AddInputCopy{T}"/>.</summary>
    internal ReadOnlySpan<byte> Copies => _copies.AsSpan(0, _copied);

    /// <summary>Adds an input of numbers or Booleans.</summary>
    public InferenceRequest AddInput<T>(string name, T[] elements, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(elements);
        return AddInput(name, elements.AsMemory(), shape);
    }

    /// <summary>Adds an input of numbers or Booleans.</summary>
    public InferenceRequest AddInput<T>(string name, Memory<T> elements, params ReadOnlySpan<long> shape)
        where T : unmanaged => AddInput(name, (ReadOnlyMemory<T>)elements, shape);

    /// <summary>Adds an input of numbers or Booleans.</summary>
    public InferenceRequest AddInput<T>(string name, ReadOnlyMemory<T> elements, params ReadOnlySpan<long> shape)
        where T : unmanaged => AddNumbers(name, ElementTypes.Of<T>(), elements, shape);

    /// <summary>Adds an input of strings, sent as UTF-8.</summary>
    public InferenceRequest AddInput(string name, string[] elements, params ReadOnlySpan<long> shape)
    {
        ArgumentNullException.ThrowIfNull(elements);
        ref RequestInput input = ref Add(name, DataType.Bytes, elements.Length, shape);
        input.Source = elements;
        return this;
    }

    /// <summary>Adds an input of numbers or Booleans that is copied now, so that the span's memory is free at once.</summary>
    public InferenceRequest AddInputCopy<T>(string name, ReadOnlySpan<T> elements, params ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        ref RequestInput input = ref Add(name, ElementTypes.Of<T>(), elements.Length, shape);
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(elements);
        if (_copies.Length - _copied < bytes.Length) Array.Resize(ref _copies, Math.Max(2 * _copies.Length, _copied + bytes.Length));
        bytes.CopyTo(_copies.AsSpan(_copied));
        input.Start = _copied;
        input.Count = bytes.Length;
        _copied += bytes.Length;
        return this;
    }

    /// <summary>Adds an input as it is on the wire: row-major, little-endian; strings each behind a 32-bit length.</summary>
    public InferenceRequest AddRawInput(string name, DataType dataType, ReadOnlyMemory<byte> bytes, params ReadOnlySpan<long> shape)
    {
        if (dataType is DataType.Invalid or > DataType.Bf16) throw new ArgumentOutOfRangeException(nameof(dataType), dataType, "It is no type of elements.");
        int size = dataType.Size();
        if (size > 0 && bytes.Length % size != 0) throw new ArgumentException($"{bytes.Length} bytes are no whole number of {dataType.WireName()} elements.", nameof(bytes));
        if (size > 0) return AddNumbers(name, dataType, bytes, shape);
        ref RequestInput input = ref Add(name, dataType, count: null, shape);
        Lay(ref input, bytes);
        return this;
    }

    /// <summary>Makes the input that was added last one of keys, strings or 64-bit integers, for which the server fills in rows of a feature view.</summary>
    /// <exception cref="InvalidOperationException">None was added.</exception>
    public InferenceRequest FromFeatureView(string view)
    {
        ArgumentException.ThrowIfNullOrEmpty(view);
        if (_inputCount == 0) throw new InvalidOperationException("There is no input yet whose elements could be keys.");
        _inputs[_inputCount - 1].FeatureView = view;
        return this;
    }

    /// <summary>Asks for an output; when none is asked for, all are sent.</summary>
    public InferenceRequest AddOutput(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (_outputs ??= []).Add(name);
        return this;
    }

    /// <summary>Takes all inputs and outputs away, and keeps the memory for the next ones.</summary>
    public void Clear()
    {
        _inputs.AsSpan(0, _inputCount).Clear();
        _inputCount = 0;
        _copied = 0;
        _outputs?.Clear();
    }

    private InferenceRequest AddNumbers<T>(string name, DataType type, ReadOnlyMemory<T> elements, ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        ref RequestInput input = ref Add(name, type, elements.Length / (typeof(T) == typeof(byte) ? type.Size() : 1), shape);
        Lay(ref input, elements);
        return this;
    }

    /// <summary>Says where the elements lie.</summary>
    private static void Lay<T>(ref RequestInput input, ReadOnlyMemory<T> elements)
        where T : unmanaged
    {
        if (MemoryMarshal.TryGetArray(elements, out ArraySegment<T> array))
        {
            input.Source = array.Array;
            input.Read = ElementReader<T>.OfArray;
            input.Start = array.Offset;
        }
        else
        {
            if (!MemoryMarshal.TryGetMemoryManager(elements, out MemoryManager<T>? manager, out int start, out _)) ThrowForeign();
            input.Source = manager;
            input.Read = ElementReader<T>.OfManager;
            input.Start = start;
        }

        input.Count = elements.Length;
    }

    private ref RequestInput Add(string name, DataType type, int? count, ReadOnlySpan<long> dimensions)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        TensorShape shape = new(dimensions);
        if (!shape.TryCountElements(out long elements)) throw new ArgumentException($"{shape} is no shape of a tensor.", nameof(dimensions));
        if (count is { } there && elements != there) throw new ArgumentException($"Input '{name}' has {there} elements, but its shape {shape} has {elements}.", nameof(dimensions));
        if (_inputCount == _inputs.Length) Array.Resize(ref _inputs, 2 * _inputs.Length);
        ref RequestInput input = ref _inputs[_inputCount++];
        input = new RequestInput { Name = name, DataType = type, Shape = shape };
        return ref input;
    }

    [DoesNotReturn]
    private static void ThrowForeign() => throw new ArgumentException("The memory is neither an array's nor a memory manager's.");
}
