using Gateway.Protocol.MessagePack;

namespace Gateway.Client.Messages;

/// <summary>The body of a message that names a model, or nil.</summary>
internal static class ModelMessage
{
    public static long Bytes(string? name, string? version)
    {
        if (name is null) return MessagePackWriter.NilSize;
        long bytes = 1 + MessagePackWriter.StringSize("model_name") + MessagePackWriter.StringSize(name);
        if (!string.IsNullOrEmpty(version)) bytes += MessagePackWriter.StringSize("model_version") + MessagePackWriter.StringSize(version);
        return bytes;
    }

    public static void Write(ref MessagePackWriter writer, string? name, string? version)
    {
        if (name is null)
        {
            writer.WriteNil();
            return;
        }

        bool hasVersion = !string.IsNullOrEmpty(version);
        writer.WriteMapHeader(hasVersion ? 2 : 1);
        writer.WriteString("model_name"u8);
        writer.WriteString(name);
        if (!hasVersion) return;
        writer.WriteString("model_version"u8);
        writer.WriteString(version);
    }
}
