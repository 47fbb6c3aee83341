using System.Text;
using Gateway.Client.Calls;
using Gateway.Protocol;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.Client.Messages;

/// <summary>Takes the bodies of answers apart.</summary>
/// <remarks><b>Behaviour</b>: unknown keys are skipped; anything malformed is an <see cref="InferenceException"/> of <see cref="StatusCode.Unknown"/>, whatever the bytes.</remarks>
internal static class AnswerReader
{
    /// <summary>Reads the answer to an inference; places are those in its buffer.</summary>
    public static void Read(in Answer answer, InferenceResponse response, out AnswerHead head)
    {
        head = default;
        bool hasOutputs = false;
        MessagePackReader reader = new(answer.Body);
        int entries = Map(ref reader, "the answer");
        for (; entries > 0; entries--)
        {
            ReadOnlySpan<byte> key = Key(ref reader);
            if (key.SequenceEqual("outputs"u8) && !hasOutputs)
            {
                hasOutputs = true;
                if (!reader.TryReadArrayHeader(out int count)) throw At(reader, "'outputs'");
                response.Reserve(count);
                head.Outputs = count;
                for (int i = 0; i < count; i++) ReadOutput(ref reader, answer.Start, ref response.Place(i));
            }
            else if (key.SequenceEqual("model_name"u8))
            {
                head.ModelName = ReadSlice(ref reader, answer.Start, "'model_name'");
            }
            else if (key.SequenceEqual("model_version"u8))
            {
                head.ModelVersion = ReadSlice(ref reader, answer.Start, "'model_version'");
            }
            else if (key.SequenceEqual("id"u8))
            {
                head.Id = ReadSlice(ref reader, answer.Start, "'id'");
            }
            else if (key.SequenceEqual("cache"u8))
            {
                head.Cache = ReadSlice(ref reader, answer.Start, "'cache'");
            }
            else if (key.SequenceEqual("server_timing"u8))
            {
                head.Timing = ReadSlice(ref reader, answer.Start, "'server_timing'");
            }
            else if (key.SequenceEqual("cache_age"u8))
            {
                head.CacheAge = reader.TryReadInt64(out long age) && age >= 0 ? age : throw At(reader, "'cache_age'");
            }
            else
            {
                Skip(ref reader);
            }
        }

        if (!hasOutputs) throw Malformed("it has no 'outputs'");
        if (!reader.IsAtEnd) throw Malformed("bytes follow it");
    }

    /// <summary>Reads an error into an exception; one that is itself malformed becomes one of <see cref="StatusCode.Unknown"/>.</summary>
    public static InferenceException ReadError(ReadOnlySpan<byte> body)
    {
        StatusCode status = StatusCode.Unknown;
        string? text = null;
        TimeSpan? retryAfter = null;
        string? refusal = null;
        MessagePackReader reader = new(body);
        if (!reader.TryReadMapHeader(out int entries)) return Malformed("an error without a map");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) return Malformed("an error without keys");
            bool isRead;
            if (key.SequenceEqual("code"u8))
            {
                isRead = reader.TryReadStringUnchecked(out ReadOnlySpan<byte> code);
                status = StatusNames.Parse(code);
            }
            else if (key.SequenceEqual("error"u8))
            {
                isRead = reader.TryReadStringUnchecked(out ReadOnlySpan<byte> error);
                text = Encoding.UTF8.GetString(error);
            }
            else if (key.SequenceEqual("retry_after_ms"u8))
            {
                isRead = reader.TryReadUInt64(out ulong milliseconds);
                retryAfter = TimeSpan.FromMilliseconds(Math.Min(milliseconds, InferenceClientOptionsValidator.LongestTime.TotalMilliseconds));
            }
            else if (key.SequenceEqual("refusal"u8))
            {
                isRead = reader.TryReadStringUnchecked(out ReadOnlySpan<byte> why);
                refusal = Encoding.UTF8.GetString(why);
            }
            else
            {
                isRead = reader.TrySkip();
            }

            if (!isRead) return Malformed("an error whose values cannot be read");
        }

        return new InferenceException(status == StatusCode.Ok ? StatusCode.Unknown : status, text ?? "the server gave no reason") { RetryAfter = retryAfter, Refusal = refusal };
    }

    public static bool ReadReady(ReadOnlySpan<byte> body)
    {
        bool? isReady = null;
        MessagePackReader reader = new(body);
        for (int entries = Map(ref reader, "the answer"); entries > 0; entries--)
        {
            if (!Key(ref reader).SequenceEqual("ready"u8)) Skip(ref reader);
            else isReady = reader.TryReadBoolean(out bool value) ? value : throw At(reader, "'ready'");
        }

        return isReady ?? throw Malformed("it has no 'ready'");
    }

    public static ServerMetadata ReadServerMetadata(ReadOnlySpan<byte> body)
    {
        string name = "";
        string version = "";
        List<string> extensions = [];
        MessagePackReader reader = new(body);
        for (int entries = Map(ref reader, "the metadata"); entries > 0; entries--)
        {
            ReadOnlySpan<byte> key = Key(ref reader);
            if (key.SequenceEqual("name"u8)) name = ReadText(ref reader, "'name'");
            else if (key.SequenceEqual("version"u8)) version = ReadText(ref reader, "'version'");
            else if (key.SequenceEqual("extensions"u8)) extensions = ReadTexts(ref reader, "'extensions'");
            else Skip(ref reader);
        }

        return new ServerMetadata(name, version, extensions);
    }

    public static ModelMetadata ReadModelMetadata(ReadOnlySpan<byte> body)
    {
        string name = "";
        string platform = "";
        List<string> versions = [];
        List<TensorMetadata> inputs = [];
        List<TensorMetadata> outputs = [];
        MessagePackReader reader = new(body);
        for (int entries = Map(ref reader, "the metadata"); entries > 0; entries--)
        {
            ReadOnlySpan<byte> key = Key(ref reader);
            if (key.SequenceEqual("name"u8)) name = ReadText(ref reader, "'name'");
            else if (key.SequenceEqual("platform"u8)) platform = ReadText(ref reader, "'platform'");
            else if (key.SequenceEqual("versions"u8)) versions = ReadTexts(ref reader, "'versions'");
            else if (key.SequenceEqual("inputs"u8)) inputs = ReadTensors(ref reader, "'inputs'");
            else if (key.SequenceEqual("outputs"u8)) outputs = ReadTensors(ref reader, "'outputs'");
            else Skip(ref reader);
        }

        return new ModelMetadata(name, versions, platform, inputs, outputs);
    }

    public static bool TryReadShape(ref MessagePackReader reader, out TensorShape shape)
    {
        shape = default;
        if (!reader.TryReadArrayHeader(out int rank)) return false;
        for (; rank > 0; rank--)
        {
            if (!reader.TryReadInt64(out long dimension) || !shape.TryAdd(dimension)) return false;
        }

        return true;
    }

    public static InferenceException Malformed(string what) => new(StatusCode.Unknown, $"the server's answer is malformed: {what}");

    private static void ReadOutput(ref MessagePackReader reader, int start, ref OutputPlace place)
    {
        place.Shape = -1;
        bool hasData = false;
        TensorShape shape = default;
        for (int entries = Map(ref reader, "an output"); entries > 0; entries--)
        {
            ReadOnlySpan<byte> key = Key(ref reader);
            if (key.SequenceEqual("name"u8))
            {
                place.Name = ReadSlice(ref reader, start, "'name' of an output");
            }
            else if (key.SequenceEqual("datatype"u8))
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> type)) throw At(reader, "'datatype' of an output");
                place.DataType = DataTypes.Parse(type);
            }
            else if (key.SequenceEqual("shape"u8))
            {
                place.Shape = start + reader.Position;
                if (!TryReadShape(ref reader, out shape)) throw At(reader, "'shape' of an output");
            }
            else if (key.SequenceEqual("data"u8))
            {
                hasData = reader.TryReadBinary(out ReadOnlySpan<byte> data);
                if (!hasData) throw At(reader, "'data' of an output");
                place.Data = new Slice(start + reader.Position - data.Length, data.Length);
            }
            else
            {
                Skip(ref reader);
            }
        }

        if (place.Name.Length == 0 || place.DataType == DataType.Invalid || place.Shape < 0 || !hasData) throw Malformed("an output lacks its name, datatype, shape or data");
        if (!shape.TryCountElements(out long elements)) throw Malformed($"an output has the shape {shape}");
        int size = place.DataType.Size();
        if (size > 0 && (elements > int.MaxValue || elements * size != place.Data.Length)) throw Malformed($"an output of shape {shape} has {place.Data.Length} bytes");
    }

    private static List<TensorMetadata> ReadTensors(ref MessagePackReader reader, string what)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw At(reader, what);
        List<TensorMetadata> tensors = [];
        for (; count > 0; count--)
        {
            string name = "";
            DataType type = DataType.Invalid;
            List<long> shape = [];
            for (int entries = Map(ref reader, what); entries > 0; entries--)
            {
                ReadOnlySpan<byte> key = Key(ref reader);
                if (key.SequenceEqual("name"u8)) name = ReadText(ref reader, "'name'");
                else if (key.SequenceEqual("datatype"u8)) type = DataTypes.Parse(Encoding.UTF8.GetBytes(ReadText(ref reader, "'datatype'")));
                else if (key.SequenceEqual("shape"u8)) shape = ReadDimensions(ref reader);
                else Skip(ref reader);
            }

            tensors.Add(new TensorMetadata(name, type, shape));
        }

        return tensors;
    }

    private static List<long> ReadDimensions(ref MessagePackReader reader)
    {
        if (!reader.TryReadArrayHeader(out int rank)) throw At(reader, "'shape'");
        List<long> shape = [];
        for (; rank > 0; rank--) shape.Add(reader.TryReadInt64(out long dimension) ? dimension : throw At(reader, "'shape'"));
        return shape;
    }

    private static List<string> ReadTexts(ref MessagePackReader reader, string what)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw At(reader, what);
        List<string> texts = [];
        for (; count > 0; count--) texts.Add(ReadText(ref reader, what));
        return texts;
    }

    private static string ReadText(ref MessagePackReader reader, string what) =>
        reader.TryReadString(out ReadOnlySpan<byte> text) ? Encoding.UTF8.GetString(text) : throw At(reader, what);

    private static Slice ReadSlice(ref MessagePackReader reader, int start, string what)
    {
        if (!reader.TryReadString(out ReadOnlySpan<byte> text)) throw At(reader, what);
        return new Slice(start + reader.Position - text.Length, text.Length);
    }

    private static int Map(ref MessagePackReader reader, string what) => reader.TryReadMapHeader(out int entries) ? entries : throw At(reader, what);

    private static ReadOnlySpan<byte> Key(ref MessagePackReader reader) => reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key) ? key : throw At(reader, "a key");

    private static void Skip(ref MessagePackReader reader)
    {
        if (!reader.TrySkip()) throw At(reader, "a value");
    }

    private static InferenceException At(in MessagePackReader reader, string what) => Malformed($"{what} at byte {reader.Position} ({reader.Failure})");
}
