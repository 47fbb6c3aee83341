using System.Globalization;
using System.Text;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.MessagePack;

/// <summary>An inference request as it lies in a message, before its model is known; used again for the next.</summary>
/// <remarks>
/// <b>Behaviour</b>: <see cref="Read"/> takes the map apart without copying, <see cref="Fill"/> makes it a request of a model. Keys come in any order, unknown ones are ignored.
/// <b>Threading</b>: one thread. <b>Cost</b>: no allocation but for an <c>id</c>.
/// </remarks>
internal sealed class InferMessage
{
    // Tensors begin on a cache line: wide enough for every vector instruction and for execution backends that bind them where they lie.
    public const int TensorAlignment = 64;

    // The names and shapes of a dozen tensors.
    private const int MostRemembered = 1024;
    private const int Nothing = -1;

    // Models have a few inputs, and some a few dozen. What comes beyond is read all the same.
    private InferMessageInput[] _inputs = new InferMessageInput[4];
    private Slice[] _outputs = new Slice[4];

    // The last request without the bytes of its tensors, and where it lay; see IsSameAsLast.
    private readonly byte[] _last = new byte[MostRemembered];
    private int _lastStart;
    private int _lastLength = Nothing;
    private int _inputCount;
    private int _outputCount;
    private Slice? _id;
    private Slice? _version;
    private long? _timeout;
    private int? _priority;
    private CacheUse? _cacheUse;
    private bool? _explains;

    /// <summary>Null when the request names none.</summary>
    public Slice? ModelName { get; private set; }

    /// <summary>The tenant that it names; null when it names none.</summary>
    public Slice? Tenant { get; private set; }

    /// <summary>The time that the client gives it, in microseconds; 0 for none.</summary>
    public long TimeoutMicroseconds => _timeout ?? 0;

    /// <summary>The level that it asks for; 0 for the model's default.</summary>
    public int Priority => _priority ?? 0;

    /// <summary>What it says of the cache.</summary>
    public CacheUse CacheUse => _cacheUse ?? CacheUse.Ordinary;

    /// <summary>The outermost dimension of its first input; 1 where it has none.</summary>
    public long FirstDimension => _inputCount > 0 && _inputs[0].Shape.Rank > 0 ? _inputs[0].Shape.Dims[0] : 1;

    private ReadOnlySpan<InferMessageInput> Inputs => _inputs.AsSpan(0, _inputCount);

    private ReadOnlySpan<Slice> Outputs => _outputs.AsSpan(0, _outputCount);

    /// <summary>Reads the request that <paramref name="message"/> ends with.</summary>
    /// <param name="reader">Stands where it begins.</param>
    /// <returns>False when it is the last one again, but for the bytes of its tensors: it need not be read then.</returns>
    /// <exception cref="InferenceException">It is malformed.</exception>
    public bool Read(ref MessagePackReader reader, ReadOnlySpan<byte> message)
    {
        if (IsSameAsLast(message, reader.Position)) return false;
        int start = reader.Position;
        _lastLength = Nothing;
        ReadMap(ref reader);
        if (!reader.IsAtEnd) throw Malformed.Invalid($"the request ends at byte {reader.Position}, but the message does not");
        Remember(message, start);
        return true;
    }

    private void ReadMap(ref MessagePackReader reader)
    {
        Clear();
        bool hasInputs = false;
        bool hasOutputs = false;
        bool hasParameters = false;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "the request");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key of the request");
            if (key.SequenceEqual("inputs"u8))
            {
                Once(ref hasInputs, "inputs");
                ReadInputs(ref reader);
            }
            else if (key.SequenceEqual("model_name"u8))
            {
                ModelName = ReadText(ref reader, ModelName, "model_name");
            }
            else if (key.SequenceEqual("model_version"u8))
            {
                _version = ReadText(ref reader, _version, "model_version");
            }
            else if (key.SequenceEqual("id"u8))
            {
                _id = ReadText(ref reader, _id, "id");
            }
            else if (key.SequenceEqual("tenant"u8))
            {
                Tenant = ReadText(ref reader, Tenant, "tenant");
            }
            else if (key.SequenceEqual("outputs"u8))
            {
                Once(ref hasOutputs, "outputs");
                ReadOutputs(ref reader);
            }
            else if (key.SequenceEqual("parameters"u8))
            {
                Once(ref hasParameters, "parameters");
                ReadParameters(ref reader);
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value of the request");
            }
        }
    }

    /// <summary>The version asked for; 0 for the highest ready one.</summary>
    /// <exception cref="InferenceException">It is no number above 0.</exception>
    public long Version(ReadOnlySpan<byte> message) => ParseVersion(_version is { } version ? version.Of(message) : default);

    /// <summary>Reads the text of a model version; 0 for an empty one, which is the highest ready version.</summary>
    public static long ParseVersion(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return 0;
        if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long version) && version > 0) return version;
        throw Malformed.Invalid($"'model_version' is '{Encoding.UTF8.GetString(text)}', not a number above 0");
    }

    /// <summary>Makes it the request: all but the bytes of its tensors, and which outputs are wanted.</summary>
    /// <param name="request">Empty, of the model that is asked for.</param>
    /// <param name="wanted">The outputs wanted; none stands for all.</param>
    /// <exception cref="InferenceException">It names what the model does not have.</exception>
    public void Fill(InferenceRequest request, ReadOnlySpan<byte> message, List<int> wanted)
    {
        ServedModel model = request.Model;
        if (_id is { } id) request.Id = Encoding.UTF8.GetString(id.Of(message));
        request.LimitTime(_timeout ?? 0);
        request.Priority = _priority ?? 0;
        request.CacheUse = CacheUse;
        request.Explains = _explains ?? false;
        foreach (ref readonly InferMessageInput input in Inputs)
        {
            int index = IndexOf(model.Inputs, input.Name.Of(message));
            if (index < 0) throw RequestError(request, $"unexpected inference input '{Encoding.UTF8.GetString(input.Name.Of(message))}' for model '{model.Name}'");
            ref InputTensor tensor = ref request.Inputs[index];
            if (tensor.IsPresent) throw RequestError(request, $"input '{model.Inputs[index].Name}' already exists in request");
            tensor = new InputTensor { DataType = input.DataType, Shape = input.Shape, Offset = input.Data.Start, ByteLength = input.Data.Length };
            if (input.View is { } view) tensor.View = model.FindFeatureView(view.Of(message));
        }

        foreach (Slice output in Outputs)
        {
            int index = IndexOf(model.Outputs, output.Of(message));
            if (index < 0) throw RequestError(request, $"unexpected inference output '{Encoding.UTF8.GetString(output.Of(message))}' for model '{model.Name}'");
            if (wanted.Contains(index)) throw RequestError(request, $"output '{model.Outputs[index].Name}' already exists in request");
            wanted.Add(index);
        }
    }

    /// <summary>Copies the tensors of a filled request from the message into a block of the request's own.</summary>
    /// <exception cref="InferenceException">The pool has none.</exception>
    public static void CopyTensors(InferenceRequest request, ReadOnlySpan<byte> message, BlockPool pool)
    {
        long total = 0;
        foreach (ref readonly InputTensor input in request.Inputs) total = Aligned(total) + input.ByteLength;
        if (total == 0) return;
        if (!pool.TryRent(total, BlockOwner.RequestTensors, out MemoryBlock? block)) throw NoMemory();
        request.Block = block;
        long end = 0;
        foreach (ref InputTensor input in request.Inputs)
        {
            int offset = (int)Aligned(end);
            message.Slice(input.Offset, input.ByteLength).CopyTo(block.Span[offset..]);
            input.Offset = offset;
            end = (long)offset + input.ByteLength;
        }

        request.CopiedBytes += total;
    }

    /// <summary>Leaves the tensors of a filled request where they lie.</summary>
    /// <param name="block">Holds the message; the request takes the reference over.</param>
    /// <param name="start">Where in it the message begins.</param>
    public static void AdoptTensors(InferenceRequest request, MemoryBlock block, int start)
    {
        request.Block = block;
        foreach (ref InputTensor input in request.Inputs) input.Offset += start;
    }

    public static InferenceException NoMemory() =>
        new(StatusCode.Unavailable, "there is no memory left for the request: the memory pool is at its ceiling");

    private static long Aligned(long offset) => (offset + TensorAlignment - 1) & -TensorAlignment;

    private static InferenceException RequestError(InferenceRequest request, string text) =>
        Malformed.Invalid($"[request id: {(request.Id.Length > 0 ? request.Id : "<id_unknown>")}] {text}");

    private static int IndexOf(IReadOnlyList<TensorSpec> tensors, ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < tensors.Count; i++)
        {
            if (name.SequenceEqual(tensors[i].Utf8Name)) return i;
        }

        return -1;
    }

    /// <summary>Whether a request has the bytes of the last one, those of the tensors aside: what was read of that is true of this.</summary>
    /// <remarks>Clients send the same again and again. Comparing a hundred bytes takes a twentieth of the time that reading them does.</remarks>
    private bool IsSameAsLast(ReadOnlySpan<byte> message, int start)
    {
        if (message.Length != _lastLength || start != _lastStart) return false;
        ReadOnlySpan<byte> last = _last;
        foreach (ref readonly InferMessageInput input in Inputs)
        {
            int length = input.Data.Start - start;
            if (!message.Slice(start, length).SequenceEqual(last[..length])) return false;
            last = last[length..];
            start = input.Data.Start + input.Data.Length;
        }

        return message[start..].SequenceEqual(last[..(message.Length - start)]);
    }

    private void Remember(ReadOnlySpan<byte> message, int start)
    {
        int tensors = 0;
        foreach (ref readonly InferMessageInput input in Inputs) tensors += input.Data.Length;
        if (message.Length - start - tensors > MostRemembered) return;
        _lastStart = start;
        _lastLength = message.Length;
        Span<byte> last = _last;
        foreach (ref readonly InferMessageInput input in Inputs)
        {
            int length = input.Data.Start - start;
            message.Slice(start, length).CopyTo(last);
            last = last[length..];
            start = input.Data.Start + input.Data.Length;
        }

        message[start..].CopyTo(last);
    }

    private void Clear()
    {
        _inputCount = 0;
        _outputCount = 0;
        ModelName = null;
        Tenant = null;
        _id = null;
        _version = null;
        _timeout = null;
        _priority = null;
        _cacheUse = null;
        _explains = null;
    }

    private void ReadInputs(ref MessagePackReader reader)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw Malformed.At(reader, "'inputs'");
        for (int i = 0; i < count; i++)
        {
            if (_inputCount == _inputs.Length) Array.Resize(ref _inputs, 2 * _inputs.Length);
            ReadInput(ref reader, i, out _inputs[_inputCount++]);
        }
    }

    private static void ReadInput(ref MessagePackReader reader, int index, out InferMessageInput input)
    {
        input = default;
        Slice? name = null;
        Slice? data = null;
        bool hasType = false;
        bool hasShape = false;
        bool hasParameters = false;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, $"input {index}");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, $"a key of input {index}");
            if (key.SequenceEqual("name"u8))
            {
                name = ReadText(ref reader, name, "name");
            }
            else if (key.SequenceEqual("datatype"u8))
            {
                Once(ref hasType, "datatype");
                input.DataType = ReadDataType(ref reader, index);
            }
            else if (key.SequenceEqual("shape"u8))
            {
                Once(ref hasShape, "shape");
                input.Shape = ReadShape(ref reader, index);
            }
            else if (key.SequenceEqual("data"u8))
            {
                if (data is not null) throw Malformed.Twice("data");
                if (!reader.TryReadBinary(out ReadOnlySpan<byte> bytes)) throw Malformed.At(reader, $"'data' of input {index}, which must be bin,");
                data = new Slice(reader.Position - bytes.Length, bytes.Length);
            }
            else if (key.SequenceEqual("parameters"u8))
            {
                Once(ref hasParameters, "parameters");
                input.View = ReadView(ref reader, index);
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, $"a value of input {index}");
            }
        }

        input.Name = name ?? throw Malformed.Invalid($"input {index} has no 'name'");
        if (!hasType) throw Malformed.Invalid($"input {index} has no 'datatype'");
        if (!hasShape) throw Malformed.Invalid($"input {index} has no 'shape'");
        input.Data = data ?? throw Malformed.Invalid($"input {index} has no 'data'");
    }

    /// <summary>Reads the parameters of an input, of which one means something here.</summary>
    private static Slice? ReadView(ref MessagePackReader reader, int index)
    {
        Slice? view = null;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, $"'parameters' of input {index}");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, $"a key of 'parameters' of input {index}");
            if (key.SequenceEqual("feature_view"u8)) view = ReadText(ref reader, view, "feature_view");
            else if (!reader.TrySkip()) throw Malformed.At(reader, $"a value of 'parameters' of input {index}");
        }

        return view;
    }

    private static DataType ReadDataType(ref MessagePackReader reader, int index)
    {
        if (!reader.TryReadString(out ReadOnlySpan<byte> name)) throw Malformed.At(reader, $"'datatype' of input {index}");
        DataType type = DataTypes.Parse(name);
        return type != DataType.Invalid ? type : throw Malformed.Invalid($"'datatype' of input {index} is '{Encoding.UTF8.GetString(name)}', which is none");
    }

    private static TensorShape ReadShape(ref MessagePackReader reader, int index)
    {
        TensorShape shape = default;
        if (!reader.TryReadArrayHeader(out int rank)) throw Malformed.At(reader, $"'shape' of input {index}");
        for (; rank > 0; rank--)
        {
            if (!reader.TryReadInt64(out long dimension)) throw Malformed.At(reader, $"'shape' of input {index}");
            if (dimension < 0) throw Malformed.Invalid($"'shape' of input {index} has a dimension of {dimension}");
            if (!shape.TryAdd(dimension)) throw Malformed.Invalid($"'shape' of input {index} has more than {TensorShape.MaxRank} dimensions");
        }

        return shape;
    }

    private void ReadOutputs(ref MessagePackReader reader)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw Malformed.At(reader, "'outputs'");
        for (int i = 0; i < count; i++)
        {
            Slice? name = null;
            if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, $"output {i}");
            for (; entries > 0; entries--)
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, $"a key of output {i}");
                if (key.SequenceEqual("name"u8)) name = ReadText(ref reader, name, "name");
                else if (!reader.TrySkip()) throw Malformed.At(reader, $"a value of output {i}");
            }

            if (_outputCount == _outputs.Length) Array.Resize(ref _outputs, 2 * _outputs.Length);
            _outputs[_outputCount++] = name ?? throw Malformed.Invalid($"output {i} has no 'name'");
        }
    }

    private void ReadParameters(ref MessagePackReader reader)
    {
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "'parameters'");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key of 'parameters'");
            if (key.SequenceEqual("timeout"u8))
            {
                if (_timeout is not null) throw Malformed.Twice("timeout");
                if (!reader.TryReadUInt64(out ulong timeout)) throw Malformed.At(reader, "'timeout'");
                _timeout = (long)Math.Min(timeout, long.MaxValue);
            }
            else if (key.SequenceEqual("priority"u8))
            {
                if (_priority is not null) throw Malformed.Twice("priority");
                if (!reader.TryReadUInt64(out ulong priority)) throw Malformed.At(reader, "'priority'");
                _priority = (int)Math.Min(priority, int.MaxValue);
            }
            else if (key.SequenceEqual("cache"u8))
            {
                if (_cacheUse is not null) throw Malformed.Twice("cache");
                if (!reader.TryReadString(out ReadOnlySpan<byte> word)) throw Malformed.At(reader, "'cache'");
                if (!CacheUses.TryParse(word, out CacheUse use)) throw Malformed.Invalid($"'cache' is not one of {CacheUses.Allowed}");
                _cacheUse = use;
            }
            else if (key.SequenceEqual(ServerTiming.AskParameter))
            {
                if (_explains is not null) throw Malformed.Twice("explain");
                if (!reader.TryReadBoolean(out bool explains)) throw Malformed.At(reader, "'explain'");
                _explains = explains;
            }
            else if (key.StartsWith("sequence_"u8))
            {
                throw Malformed.Invalid($"sequences are not served: parameter '{Encoding.UTF8.GetString(key)}' is not supported");
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value of 'parameters'");
            }
        }
    }

    private static Slice ReadText(ref MessagePackReader reader, Slice? before, string key)
    {
        if (before is not null) throw Malformed.Twice(key);
        if (!reader.TryReadString(out ReadOnlySpan<byte> text)) throw Malformed.At(reader, $"'{key}'");
        return new Slice(reader.Position - text.Length, text.Length);
    }

    private static void Once(ref bool isThere, string key)
    {
        if (isThere) throw Malformed.Twice(key);
        isThere = true;
    }
}
