using Gateway.Protocol.Protobuf;
using Google.Protobuf.Reflection;

namespace Gateway.Server.Grpc.Wire;

/// <summary>Refuses messages whose strings are not UTF-8, as Google's other languages do; its reader for C# puts something else in their place.</summary>
internal static class TextCheck
{
    private const int WireTypeBits = 3;

    /// <param name="message">Google's reader has taken it.</param>
    /// <exception cref="ProtobufException">A string in it is not UTF-8.</exception>
    public static void Check(ReadOnlySpan<byte> message, MessageDescriptor type)
    {
        ProtobufReader reader = new(message);
        Check(ref reader, type);
    }

    private static void Check(ref ProtobufReader reader, MessageDescriptor type)
    {
        while (reader.ReadTag() is var tag and not 0)
        {
            FieldDescriptor? field = (tag & ((1 << WireTypeBits) - 1)) == (uint)WireType.Bytes ? type.FindFieldByNumber((int)(tag >> WireTypeBits)) : null;
            if (field?.FieldType == FieldType.String)
            {
                reader.ReadString();
            }
            else if (field?.FieldType == FieldType.Message)
            {
                int outer = reader.Enter();
                Check(ref reader, field.MessageType);
                reader.Leave(outer);
            }
            else
            {
                reader.Skip(tag, isOfEntry: type.GetOptions()?.MapEntry == true);
            }
        }
    }
}
