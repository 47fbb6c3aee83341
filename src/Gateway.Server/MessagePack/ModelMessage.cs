using Gateway.Protocol.MessagePack;

namespace Gateway.Server.MessagePack;

/// <summary>A message that names a model, or none: <c>metadata</c> and <c>ready</c>.</summary>
internal readonly record struct ModelMessage(Slice? Name, long Version)
{
    /// <exception cref="Protocol.InferenceException">It is malformed.</exception>
    public static ModelMessage Read(ref MessagePackReader reader)
    {
        Slice? name = null;
        long? version = null;
        if (reader.PeekType() == MessagePackType.Nil && reader.TryReadNil()) return default;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "the body");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key");
            if (key.SequenceEqual("model_name"u8))
            {
                if (name is not null) throw Malformed.Twice("model_name");
                if (!reader.TryReadString(out ReadOnlySpan<byte> text)) throw Malformed.At(reader, "'model_name'");
                name = new Slice(reader.Position - text.Length, text.Length);
            }
            else if (key.SequenceEqual("model_version"u8))
            {
                if (version is not null) throw Malformed.Twice("model_version");
                if (!reader.TryReadString(out ReadOnlySpan<byte> text)) throw Malformed.At(reader, "'model_version'");
                version = InferMessage.ParseVersion(text);
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value");
            }
        }

        return new ModelMessage(name, version ?? 0);
    }
}
