using System.Text;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Protocol.Protobuf;
using Gateway.Protocol.Tensors;
using Gateway.Server.Grpc.Wire;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Remote.Grpc;

/// <summary>Reads what an upstream answered to a batch: a <c>ModelInferResponse</c> whose outputs are raw bytes.</summary>
/// <remarks><b>Threading</b>: one answer at a time. <b>Cost</b>: the tensors stay where they are.</remarks>
internal sealed class GrpcAnswerReader(ModelLayout layout)
{
    // Of ModelInferResponse and InferOutputTensor, as grpc_service.proto numbers them: the field's number, and the wire type below it.
    private const uint Varint = 0;
    private const uint Bytes = 2;
    private const uint ModelVersion = (2 << 3) | Bytes;
    private const uint Outputs = (5 << 3) | Bytes;
    private const uint RawOutputs = (6 << 3) | Bytes;
    private const uint Name = (1 << 3) | Bytes;
    private const uint OutputType = (2 << 3) | Bytes;
    private const uint ShapePacked = (3 << 3) | Bytes;
    private const uint Shape = (3 << 3) | Varint;
    private const uint Contents = (5 << 3) | Bytes;

    private readonly AnswerOutputs _outputs = new(layout);
    private readonly Described[] _described = new Described[layout.Outputs.Count];
    private readonly Slice[] _raw = new Slice[layout.Outputs.Count];

    /// <summary>The model version that answered last; empty before, and when the upstream does not say.</summary>
    public string Version { get; private set; } = "";

    /// <param name="body">A message behind its prefix; taken over, whatever happens.</param>
    /// <param name="rows">Rows of the batch, padding included.</param>
    /// <exception cref="UpstreamException">It is not the answer to such a batch.</exception>
    public BlockBatchOutput Read(in AnswerBody body, int rows)
    {
        BlockBatchOutput output = new(body.Block, layout.Outputs.Count);
        try
        {
            Read(body.Block.Span[..body.Length], rows, output);
            return output;
        }
        catch (ProtobufException error)
        {
            output.Release();
            throw Garbage("what is no message of the protocol", error);
        }
        catch
        {
            output.Release();
            throw;
        }
    }

    private void Read(ReadOnlySpan<byte> bytes, int rows, BlockBatchOutput output)
    {
        _outputs.Begin();
        int described = 0;
        int raw = 0;
        ProtobufReader reader = new(bytes);
        reader.Pass(MessagePrefix.Bytes);
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case ModelVersion:
                    NoteVersion(reader.ReadString());
                    break;
                case Outputs:
                    if (described == _described.Length) throw Garbage("more outputs than were asked for");
                    _described[described++] = Describe(ref reader, rows);
                    break;
                case RawOutputs:
                    if (raw == _raw.Length) throw Garbage("more outputs than were asked for");
                    int length = reader.ReadBytes().Length;
                    _raw[raw++] = new Slice(reader.Position - length, length);
                    break;
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        _outputs.End();
        if (raw != described) throw Garbage("outputs that are not in raw form");
        for (int i = 0; i < described; i++)
        {
            (int index, TensorShape shape, long elements) = _described[i];
            _outputs.Place(output, index, shape, elements, rows, bytes[..(_raw[i].Start + _raw[i].Length)], _raw[i].Start, _raw[i].Length);
        }
    }

    private Described Describe(ref ProtobufReader reader, int rows)
    {
        int index = -1;
        DataType type = DataType.Invalid;
        TensorShape shape = default;
        int outer = reader.Enter();
        while (reader.ReadTag() is var tag and not 0)
        {
            switch (tag)
            {
                case Name:
                    index = Find(reader.ReadString());
                    break;
                case OutputType:
                    type = DataTypes.Parse(reader.ReadString());
                    break;
                case ShapePacked:
                    int after = reader.EnterPacked();
                    while (!reader.IsAtEnd) Add(ref shape, (long)reader.ReadVarint64());
                    reader.LeavePacked(after);
                    break;
                case Shape:
                    Add(ref shape, (long)reader.ReadVarint64());
                    break;
                case Contents:
                    throw Garbage("outputs that are not in raw form");
                default:
                    reader.Skip(tag);
                    break;
            }
        }

        reader.Leave(outer);
        return new Described(index, shape, _outputs.Check(index, type, shape, rows));
    }

    private int Find(ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < layout.Outputs.Count; i++)
        {
            if (name.SequenceEqual(layout.Outputs[i].Utf8Name)) return i;
        }

        return -1;
    }

    private void NoteVersion(ReadOnlySpan<byte> version)
    {
        if (!Ascii.Equals(version, Version)) Version = Encoding.UTF8.GetString(version);
    }

    private static void Add(ref TensorShape shape, long dimension)
    {
        if (!shape.TryAdd(dimension)) throw Garbage("a shape that is none");
    }

    private static UpstreamException Garbage(string what, Exception? inner = null) => AnswerOutputs.Garbage(what, inner);

    private readonly record struct Described(int Index, TensorShape Shape, long Elements);
}
