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

    // A pooled message keeps no more room than requests commonly need.
    private const int MostKept = 64;

    private InferInput[] _inputs = new InferInput[4];
    private InferRequestedOutput[] _outputs = new InferRequestedOutput[4];
    private InferParameterEntry[] _parameters = new InferParameterEntry[8];
    private Slice[] _raw = new Slice[4];
    private int _inputCount;
    private int _outputCount;
    private int _parameterCount;
    private int _rawCount;
    private int _requestParameters;

    public Slice ModelName { get; private set; }

    public Slice ModelVersion { get; private set; }

    public Slice Id { get; private set; }

    public ReadOnlySpan<InferInput> Inputs => _inputs.AsSpan(0, _inputCount);

    public ReadOnlySpan<InferRequestedOutput> Outputs => _outputs.AsSpan(0, _outputCount);

    /// <summary>The parameters of the request itself. Of entries with the same name the last one counts.</summary>
    public ReadOnlySpan<InferParameterEntry> Parameters => _parameters.AsSpan(0, _requestParameters);

    /// <summary>Those of its inputs and outputs as well.</summary>
    public ReadOnlySpan<InferParameterEntry> EveryParameter => _parameters.AsSpan(0, _parameterCount);

    public ReadOnlySpan<Slice> RawInputs => _raw.AsSpan(0, _rawCount);

    /// <summary>Parameters of an input or an output.</summary>
    public ReadOnlySpan<InferParameterEntry> Of(ParameterRange range) => _parameters.AsSpan(range.First, range.Count);

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
                    // The request's own stand first, wherever they come.
                    ReadEntry(ref reader, _requestParameters);
                    _requestParameters++;
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
        int first = _parameterCount;
        int before = _requestParameters;
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
                    ReadEntry(ref reader, _parameterCount);
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
        input.Parameters = new ParameterRange(first + _requestParameters - before, _parameterCount - first);
    }

    private void ReadOutput(ref ProtobufReader reader)
    {
        MakeRoom(ref _outputs, _outputCount, "outputs");
        ref InferRequestedOutput output = ref _outputs[_outputCount++];
        output = default;
        int first = _parameterCount;
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case InferTags.OutputName:
                    output.Name = ReadText(ref reader);
                    break;
                case InferTags.OutputParameters:
                    ReadEntry(ref reader, _parameterCount);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        reader.Leave(outer);
        output.Parameters = new ParameterRange(first, _parameterCount - first);
    }

    private void ReadEntry(ref ProtobufReader reader, int at)
    {
        MakeRoom(ref _parameters, _parameterCount, "parameters");
        if (at < _parameterCount) MakeWay(at);
        ref InferParameterEntry entry = ref _parameters[at];
        entry = default;
        _parameterCount++;
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

    /// <summary>Moves the parameters from <paramref name="at"/> on by one, and what refers to them.</summary>
    private void MakeWay(int at)
    {
        Array.Copy(_parameters, at, _parameters, at + 1, _parameterCount - at);
        foreach (ref InferInput input in _inputs.AsSpan(0, _inputCount)) input.Parameters = input.Parameters with { First = input.Parameters.First + 1 };
        foreach (ref InferRequestedOutput output in _outputs.AsSpan(0, _outputCount)) output.Parameters = output.Parameters with { First = output.Parameters.First + 1 };
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
        if (count >= MostElements) throw new InferenceException(StatusCode.InvalidArgument, $"the request has more than {MostElements} {what}");
        Array.Resize(ref elements, 2 * elements.Length);
    }

    private void Clear()
    {
        if (_inputs.Length > MostKept) _inputs = new InferInput[MostKept];
        if (_outputs.Length > MostKept) _outputs = new InferRequestedOutput[MostKept];
        if (_parameters.Length > MostKept) _parameters = new InferParameterEntry[MostKept];
        if (_raw.Length > MostKept) _raw = new Slice[MostKept];
        _inputCount = 0;
        _outputCount = 0;
        _parameterCount = 0;
        _rawCount = 0;
        _requestParameters = 0;
        ModelName = default;
        ModelVersion = default;
        Id = default;
    }
}
