using System.Text;
using Gateway.Load.Payloads;
using Gateway.Protocol.MessagePack;
using Gateway.Protocol.Tensors;

namespace Gateway.Load.Carriers.Frames;

/// <summary>Requests and answers as MessagePack maps (src/Gateway.Protocol/Frames/README.md).</summary>
internal static class InferMap
{
    // Keys, headers and names; the tensors come on top.
    private const int HeadBytes = 4096;

    /// <param name="model">Empty over HTTP, where the path names it.</param>
    /// <param name="timeoutAt">Where the time-out's four bytes are; -1 without.</param>
    public static byte[] Write(RequestPayload payload, string model, string version, bool hasTimeout, out int timeoutAt)
    {
        byte[] bytes = new byte[HeadBytes + (3 * (model.Length + version.Length)) + payload.Inputs.Sum(input => input.Data.Length + (3 * input.Name.Length) + 256)];
        MessagePackWriter writer = new(bytes);
        writer.WriteMapHeader(1 + (model.Length > 0 ? 1 : 0) + (version.Length > 0 ? 1 : 0) + (hasTimeout ? 1 : 0));
        timeoutAt = -1;
        if (hasTimeout)
        {
            writer.WriteString("parameters"u8);
            writer.WriteMapHeader(1);
            writer.WriteString("timeout"u8);

            // The largest takes as many bytes as any that is written over it.
            writer.WriteInteger((ulong)uint.MaxValue);
            timeoutAt = writer.Position - sizeof(uint);
        }

        if (model.Length > 0)
        {
            writer.WriteString("model_name"u8);
            writer.WriteString(model);
        }

        if (version.Length > 0)
        {
            writer.WriteString("model_version"u8);
            writer.WriteString(version);
        }

        writer.WriteString("inputs"u8);
        writer.WriteArrayHeader(payload.Inputs.Count);
        foreach (TensorPayload input in payload.Inputs)
        {
            writer.WriteMapHeader(4);
            writer.WriteString("name"u8);
            writer.WriteString(input.Name);
            writer.WriteString("datatype"u8);
            writer.WriteString(input.DataType.WireName());
            writer.WriteString("shape"u8);
            writer.WriteArrayHeader(input.Shape.Length);
            foreach (long dimension in input.Shape) writer.WriteInteger(dimension);
            writer.WriteString("data"u8);
            writer.WriteBinary(input.Data);
        }

        return bytes[..writer.Position];
    }

    /// <exception cref="FormatException">The answer is malformed.</exception>
    public static IReadOnlyList<TensorPayload> ReadOutputs(ReadOnlySpan<byte> map)
    {
        MessagePackReader reader = new(map);
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed("it is no map");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed("a key is no string");
            if (key.SequenceEqual("outputs"u8)) return ReadTensors(ref reader);
            if (!reader.TrySkip()) throw Malformed("a value cannot be read");
        }

        throw Malformed("it has no outputs");
    }

    /// <exception cref="LoadException">The description is malformed.</exception>
    public static ModelDescription ReadDescription(ReadOnlySpan<byte> map)
    {
        string name = "";
        IReadOnlyList<TensorDescription> inputs = [];
        IReadOnlyList<TensorDescription> outputs = [];
        try
        {
            MessagePackReader reader = new(map);
            if (!reader.TryReadMapHeader(out int entries)) throw Malformed("it is no map");
            for (; entries > 0; entries--)
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed("a key is no string");
                if (key.SequenceEqual("inputs"u8)) inputs = Describe(ReadTensors(ref reader));
                else if (key.SequenceEqual("outputs"u8)) outputs = Describe(ReadTensors(ref reader));
                else if (key.SequenceEqual("name"u8) && reader.TryReadString(out ReadOnlySpan<byte> text)) name = Encoding.UTF8.GetString(text);
                else if (!reader.TrySkip()) throw Malformed("a value cannot be read");
            }
        }
        catch (FormatException exception)
        {
            throw new LoadException(ExitCode.CannotStart, $"the server's description of the model cannot be read: {exception.Message}");
        }

        return new ModelDescription(name, inputs, outputs);
    }

    private static List<TensorDescription> Describe(List<TensorPayload> tensors) => [.. tensors.Select(tensor => new TensorDescription(tensor.Name, tensor.DataType, tensor.Shape))];

    private static List<TensorPayload> ReadTensors(ref MessagePackReader reader)
    {
        if (!reader.TryReadArrayHeader(out int count)) throw Malformed("the outputs are no array");
        List<TensorPayload> tensors = [];
        for (; count > 0; count--)
        {
            string name = "";
            DataType type = DataType.Invalid;
            List<long> shape = [];
            byte[] data = [];
            if (!reader.TryReadMapHeader(out int entries)) throw Malformed("an output is no map");
            for (; entries > 0; entries--)
            {
                if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed("a key is no string");
                bool isRead;
                if (key.SequenceEqual("name"u8) && reader.TryReadString(out ReadOnlySpan<byte> text))
                {
                    name = Encoding.UTF8.GetString(text);
                    isRead = true;
                }
                else if (key.SequenceEqual("datatype"u8) && reader.TryReadStringUnchecked(out text))
                {
                    type = DataTypes.Parse(text);
                    isRead = true;
                }
                else if (key.SequenceEqual("shape"u8))
                {
                    isRead = reader.TryReadArrayHeader(out int rank);
                    for (; isRead && rank > 0; rank--)
                    {
                        isRead = reader.TryReadInt64(out long dimension);
                        shape.Add(dimension);
                    }
                }
                else if (key.SequenceEqual("data"u8))
                {
                    isRead = reader.TryReadBinary(out ReadOnlySpan<byte> bytes);
                    data = bytes.ToArray();
                }
                else
                {
                    isRead = reader.TrySkip();
                }

                if (!isRead) throw Malformed("an output cannot be read");
            }

            tensors.Add(new TensorPayload(name, type, [.. shape], data));
        }

        return tensors;
    }

    private static FormatException Malformed(string what) => new($"the answer is malformed: {what}");
}
