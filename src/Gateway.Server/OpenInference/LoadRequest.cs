using System.Buffers;
using System.Buffers.Text;
using Gateway.Core.Models.Repository;

namespace Gateway.Server.OpenInference;

/// <summary>Reads the bodies of the model repository extension; an empty one asks for nothing in particular.</summary>
internal static class LoadRequest
{
    /// <summary>What parameters have before the path of a file.</summary>
    public const string FilePrefix = "file:";

    /// <summary>Reads <c>{"ready":bool}</c>.</summary>
    public static bool ReadReadyOnly(ReadOnlySpan<byte> body)
    {
        bool isReadyOnly = false;
        JsonCursor cursor = new(body);
        if (!TryBegin(ref cursor)) return false;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (!name.Is("ready"u8))
            {
                cursor.SkipValue();
                continue;
            }

            cursor.Peek();
            if (cursor.TryReadLiteral("true"u8)) isReadyOnly = true;
            else if (!cursor.TryReadLiteral("false"u8)) throw Errors.Invalid("Invalid value for 'ready': expected a boolean");
        }

        cursor.ReadEnd();
        return isReadyOnly;
    }

    /// <summary>Reads <c>{"parameters":{"config":"…","file:path":"base64"}}</c>.</summary>
    /// <returns>Null when nothing is given.</returns>
    public static LoadOverride? ReadLoad(string model, ReadOnlySpan<byte> body)
    {
        string? config = null;
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        JsonCursor cursor = new(body);
        if (!TryBegin(ref cursor)) return null;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (!name.Is("parameters"u8))
            {
                cursor.SkipValue();
                continue;
            }

            JsonValues.BeginObject(ref cursor, "parameters");
            bool isFirstParameter = true;
            while (cursor.TryNextMember(ref isFirstParameter, out JsonString key)) ReadParameter(ref cursor, key.ToString(), ref config, files);
        }

        cursor.ReadEnd();
        return Given(model, config, files);
    }

    /// <summary>What the parameters of a load amount to.</summary>
    /// <returns>Null when nothing is given.</returns>
    public static LoadOverride? Given(string model, string? config, Dictionary<string, byte[]> files)
    {
        if (config is null && files.Count == 0) return null;
        return config is null
            ? throw Errors.Invalid($"failed to load '{model}', failed to poll from model repository: files were given without a 'config' parameter")
            : new LoadOverride(config, files);
    }

    /// <summary>Reads <c>{"parameters":{"unload_dependents":bool}}</c>; there are no models that depend on others, so it says nothing.</summary>
    public static void CheckUnload(ReadOnlySpan<byte> body)
    {
        JsonCursor cursor = new(body);
        if (!TryBegin(ref cursor)) return;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString name))
        {
            if (!name.Is("parameters"u8))
            {
                cursor.SkipValue();
                continue;
            }

            JsonValues.BeginObject(ref cursor, "parameters");
            bool isFirstParameter = true;
            while (cursor.TryNextMember(ref isFirstParameter, out JsonString key))
            {
                if (key.Is("unload_dependents"u8)) JsonValues.ReadBoolean(ref cursor, "unload_dependents");
                else cursor.SkipValue();
            }
        }

        cursor.ReadEnd();
    }

    private static bool TryBegin(ref JsonCursor cursor)
    {
        if (cursor.Peek() == 0 && cursor.Position == cursor.Length) return false;
        JsonValues.BeginObject(ref cursor, "request");
        return true;
    }

    private static void ReadParameter(ref JsonCursor cursor, string key, ref string? config, Dictionary<string, byte[]> files)
    {
        JsonString value = JsonValues.ReadString(ref cursor, key);
        if (key == "config") config = value.ToString();
        else if (!key.StartsWith(FilePrefix, StringComparison.Ordinal)) throw Errors.Invalid($"unknown load parameter '{key}' (allowed config, file:<path>)");
        else if (!files.TryAdd(key[FilePrefix.Length..], Decode(key, value))) throw Errors.Invalid($"'{key}' is given more than once");
    }

    private static byte[] Decode(string key, JsonString value)
    {
        byte[] text = value.HasEscapes ? System.Text.Encoding.UTF8.GetBytes(value.ToString()) : [];
        ReadOnlySpan<byte> base64 = value.HasEscapes ? text : value.Raw;
        byte[] bytes = GC.AllocateUninitializedArray<byte>(Base64.GetMaxDecodedFromUtf8Length(base64.Length));
        return Base64.DecodeFromUtf8(base64, bytes, out _, out int written) == OperationStatus.Done ? bytes[..written] : throw Errors.Invalid($"the value of '{key}' is not base64");
    }
}
