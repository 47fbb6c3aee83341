using Gateway.Protocol.Protobuf;
using Gateway.Server.MessagePack;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Looks into a request of which only the beginning has arrived.</summary>
internal static class InferPeek
{
    private const uint WireTypeBits = 7;

    /// <summary>Where the bytes of the first raw tensor will begin; 0 when that cannot be told.</summary>
    public static readonly Func<ReadOnlySpan<byte>, int> FirstTensor = static start => Walk(start, out _, out _, out _);

    /// <summary>The model and the version that it asks for, if they have arrived, which is to say something that comes after them: clients send them first.</summary>
    public static bool TryReadModel(ReadOnlySpan<byte> start, out Slice name, out Slice version)
    {
        Walk(start, out Slice? found, out version, out bool hasLater);
        name = found ?? default;
        return found is not null && hasLater;
    }

    private static int Walk(ReadOnlySpan<byte> start, out Slice? name, out Slice version, out bool hasLater)
    {
        name = null;
        hasLater = false;
        version = default;
        ProtobufReader reader = new(start);
        try
        {
            while (!reader.IsAtEnd)
            {
                uint tag = reader.ReadTag();
                hasLater |= tag is not (InferTags.ModelName or InferTags.ModelVersion);
                if ((tag & WireTypeBits) != (uint)WireType.Bytes) return 0;
                uint length = reader.ReadVarint32();
                if (tag == InferTags.RawInputs) return reader.Position;
                if (length > (uint)(start.Length - reader.Position)) return 0;
                Slice content = new(reader.Position, (int)length);
                if (tag == InferTags.ModelName) name = content;
                else if (tag == InferTags.ModelVersion) version = content;
                reader.Pass((int)length);
            }
        }
        catch (ProtobufException)
        {
            // Cut off within a number, or no message: whoever reads all of it will say.
        }

        return 0;
    }
}
