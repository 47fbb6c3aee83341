using Gateway.Protocol;
using Gateway.Protocol.Protobuf;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>A <c>ModelInferRequest</c> as it lies in a message, before its model is known; used again for the next.</summary>
/// <remarks>
/// <b>Behaviour</b>: takes and refuses what Google's reader does, but for strings that are not UTF-8, which it refuses, and sees the same values; nothing is copied but shapes. <see cref="InferFill"/> makes it a request of a
/// model. <b>Threading</b>: one thread. <b>Cost</b>: no allocation in steady state.
/// </remarks>
internal sealed class InferMessage
{
    // Two bytes can announce an element. Far more than any model has, and little memory.
    private const int MostElements = 4096;

    // Each is compared with those after it, since of several of one name the last one counts.
    private const int MostRequestParameters = 256;
    private const int MostTensorParameters = 64;

    // A pooled message keeps no more room than requests commonly need.
    private const int MostKept = 64;

    private InferInput[] _inputs = new InferInput[4];
    private InferRequestedOutput[] _outputs = new InferRequestedOutput[4];
    private InferParameterEntry[] _requestParameters = new InferParameterEntry[8];
    private InferParameterEntry[] _tensorParameters = new InferParameterEntry[8];
    private Slice[] _raw = new Slice[4];
    private int _inputCount;
    private int _outputCount;
    private int _requestParameterCount;
    private int _tensorParameterCount;
    private int _rawCount;

    public Slice ModelName { get; private set; }

    public Slice ModelVersion { get; private set; }

    public Slice Id { get; private set; }

    public ReadOnlySpan<InferInput> Inputs => _inputs.AsSpan(0, _inputCount);

    public ReadOnlySpan<InferRequestedOutput> Outputs => _outputs.AsSpan(0, _outputCount);

    /// <summary>The parameters of the request itself. Of entries with the same name the last one counts.</summary>
    public ReadOnlySpan<InferParameterEntry> Parameters => _requestParameters.AsSpan(0, _requestParameterCount);

    /// <summary>Those of its inputs and outputs, all together.</summary>
    public ReadOnlySpan<InferParameterEntry> TensorParameters => _tensorParameters.AsSpan(0, _tensorParameterCount);

    public ReadOnlySpan<Slice> RawInputs => _raw.AsSpan(0, _rawCount);

    /// <summary>Parameters of an input or an output.</summary>
    public ReadOnlySpan<InferParameterEntry> Of(ParameterRange range) => _tensorParameters.AsSpan(range.First, range.Count);

    /// <summary>Reads a message.</summary>
    /// <exception cref="ProtobufException">It is malformed.</exception>
    /// <exception cref="InferenceException">It has more of something than any request needs.</exception>
    public void Read(ReadOnlySpan<byte> message)
    {
        Clear();
        ProtobufReader reader = new(message);
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.ModelName:
                    ModelName = ReadText(ref reader);
                    break;
                case InferTags.ModelVersion:
                    ModelVersion = ReadText(ref reader);
                    break;
                case InferTags.Id:
                    Id = ReadText(ref reader);
                    break;
                case InferTags.Parameters:
                    if (_requestParameterCount == MostRequestParameters) throw TooMany(MostRequestParameters, "parameters");
                    ReadEntry(ref reader, ref _requestParameters, ref _requestParameterCount);
                    break;
                case InferTags.Inputs:
                    ReadInput(ref reader);
                    break;
                case InferTags.Outputs:
                    ReadOutput(ref reader);
                    break;
                case InferTags.RawInputs:
                    ReadOnlySpan<byte> raw = reader.ReadBytes();
                    MakeRoom(ref _raw, _rawCount, "raw_input_contents");
                    _raw[_rawCount++] = new Slice(reader.Position - raw.Length, raw.Length);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }
    }

    private void ReadInput(ref ProtobufReader reader)
    {
        MakeRoom(ref _inputs, _inputCount, "inputs");
        ref InferInput input = ref _inputs[_inputCount++];
        input = default;
        int first = _tensorParameterCount;
        int outer = reader.Enter();
        int start = reader.Position;
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.InputName:
                    input.Name = ReadText(ref reader);
                    break;
                case InferTags.InputDataType:
                    input.DataType = ReadText(ref reader);
                    break;
                case InferTags.InputShapePacked:
                    int afterShape = reader.EnterPacked();
                    while (!reader.IsAtEnd) AddDimension(ref input, (long)reader.ReadVarint64());
                    reader.LeavePacked(afterShape);
                    break;
                case InferTags.InputShape:
                    AddDimension(ref input, (long)reader.ReadVarint64());
                    break;
                case InferTags.InputParameters:
                    ReadTensorEntry(ref reader, first);
                    break;
                case InferTags.InputContents:
                    input.HasContents = true;
                    InferContents.Measure(ref reader, ref input);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        input.Body = new Slice(start, reader.Position - start);
        reader.Leave(outer);
        input.Parameters = new ParameterRange(first, _tensorParameterCount - first);
    }

    private void ReadOutput(ref ProtobufReader reader)
    {
        MakeRoom(ref _outputs, _outputCount, "outputs");
        ref InferRequestedOutput output = ref _outputs[_outputCount++];
        output = default;
        int first = _tensorParameterCount;
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.OutputName:
                    output.Name = ReadText(ref reader);
                    break;
                case InferTags.OutputParameters:
                    ReadTensorEntry(ref reader, first);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        reader.Leave(outer);
        output.Parameters = new ParameterRange(first, _tensorParameterCount - first);
    }

    private void ReadTensorEntry(ref ProtobufReader reader, int first)
    {
        if (_tensorParameterCount - first == MostTensorParameters) throw TooMany(MostTensorParameters, "parameters of one tensor");
        ReadEntry(ref reader, ref _tensorParameters, ref _tensorParameterCount);
    }

    private static void ReadEntry(ref ProtobufReader reader, ref InferParameterEntry[] entries, ref int count)
    {
        MakeRoom(ref entries, count, "parameters");
        ref InferParameterEntry entry = ref entries[count++];
        entry = default;
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.EntryKey:
                    entry.Name = ReadText(ref reader);
                    break;
                case InferTags.EntryValue:
                    Slice name = entry.Name;
                    entry = new InferParameterEntry { Name = name };
                    ReadParameter(ref reader, ref entry);
                    break;
                default:
                    reader.Skip(tag, isOfEntry: true);
                    break;
            }
        }

        reader.Leave(outer);
    }

    private static void ReadParameter(ref ProtobufReader reader, ref InferParameterEntry entry)
    {
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.BoolParameter:
                    (entry.Kind, entry.Bits) = (ParameterKind.Bool, reader.ReadVarint64() != 0 ? 1 : 0);
                    break;
                case InferTags.Int64Parameter:
                    (entry.Kind, entry.Bits) = (ParameterKind.Int64, (long)reader.ReadVarint64());
                    break;
                case InferTags.StringParameter:
                    (entry.Kind, entry.Text) = (ParameterKind.String, ReadText(ref reader));
                    break;
                case InferTags.DoubleParameter:
                    (entry.Kind, entry.Bits) = (ParameterKind.Double, (long)reader.ReadFixed64());
                    break;
                case InferTags.UInt64Parameter:
                    (entry.Kind, entry.Bits) = (ParameterKind.UInt64, (long)reader.ReadVarint64());
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        reader.Leave(outer);
    }

    private static void AddDimension(ref InferInput input, long dimension) => input.HasTooManyDimensions |= !input.Shape.TryAdd(dimension);

    private static Slice ReadText(ref ProtobufReader reader)
    {
        ReadOnlySpan<byte> text = reader.ReadString();
        return new Slice(reader.Position - text.Length, text.Length);
    }

    private static void MakeRoom<T>(ref T[] elements, int count, string what)
    {
        if (count < elements.Length) return;
        if (count >= MostElements) throw TooMany(MostElements, what);
        Array.Resize(ref elements, 2 * elements.Length);
    }

    private static InferenceException TooMany(int most, string what) => new(StatusCode.InvalidArgument, $"the request has more than {most} {what}");

    private void Clear()
    {
        if (_inputs.Length > MostKept) _inputs = new InferInput[MostKept];
        if (_outputs.Length > MostKept) _outputs = new InferRequestedOutput[MostKept];
        if (_requestParameters.Length > MostKept) _requestParameters = new InferParameterEntry[MostKept];
        if (_tensorParameters.Length > MostKept) _tensorParameters = new InferParameterEntry[MostKept];
        if (_raw.Length > MostKept) _raw = new Slice[MostKept];
        _inputCount = 0;
        _outputCount = 0;
        _requestParameterCount = 0;
        _tensorParameterCount = 0;
        _rawCount = 0;
        ModelName = default;
        ModelVersion = default;
        Id = default;
    }
}
