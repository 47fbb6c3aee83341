using System.Text;
using System.Text.Unicode;
using Gateway.Core.Models.Configuration.Reading;

namespace Gateway.Core.Models.Configuration;

/// <summary>Reads model configurations: Triton's <c>config.pbtxt</c>, and the JSON form its load calls take.</summary>
/// <remarks>
/// <para><b>Behaviour</b>: a configuration comes back whole or not at all. Wrong syntax and unknown fields stop at the first error;
/// what the settings say is then checked all at once, so the exception carries every problem found.</para>
/// <para><b>Threading</b>: no state. <b>Cost</b>: for load time only.</para>
/// </remarks>
public static class ModelConfigReader
{
    /// <summary>The largest configuration that is read, in bytes: hundreds of times what real ones need.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Reads <c>config.pbtxt</c>.</summary>
    /// <param name="path">The file; errors call it by this.</param>
    /// <param name="modelName">The model's directory name, which a name in the configuration must equal.</param>
    /// <exception cref="ModelConfigException">The configuration cannot be used.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ModelConfig ReadFile(string path, string modelName)
    {
        using FileStream file = File.OpenRead(path);
        byte[] bytes = new byte[Math.Min(file.Length, MaxBytes + 1L)];
        int length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return ReadText(bytes.AsSpan(0, length), path, modelName);
    }

    /// <summary>Reads protobuf's text format.</summary>
    /// <param name="utf8">The text.</param>
    /// <param name="source">What errors call it.</param>
    /// <param name="modelName">The model's directory name, which a name in the configuration must equal.</param>
    /// <exception cref="ModelConfigException">The configuration cannot be used.</exception>
    public static ModelConfig ReadText(ReadOnlySpan<byte> utf8, string source, string modelName)
    {
        string text = Encoding.UTF8.GetString(CheckedText(utf8, source));
        return Bind(TextFormatReader.Read(text, source, ModelConfigSchema.ModelConfig), source, root: "", modelName);
    }

    /// <summary>Reads protobuf's JSON form.</summary>
    /// <param name="utf8">The JSON.</param>
    /// <param name="source">What errors call it.</param>
    /// <param name="modelName">The model's directory name, which a name in the configuration must equal.</param>
    /// <exception cref="ModelConfigException">The configuration cannot be used.</exception>
    public static ModelConfig ReadJson(ReadOnlySpan<byte> utf8, string source, string modelName) =>
        Bind(JsonFormatReader.Read(CheckedText(utf8, source), source, ModelConfigSchema.ModelConfig), source, root: "$", modelName);

    /// <summary>The text without a byte order mark, once it is known to be short enough and UTF-8.</summary>
    internal static ReadOnlySpan<byte> CheckedText(ReadOnlySpan<byte> utf8, string source)
    {
        if (utf8.Length > MaxBytes) throw Unreadable(source, default, $"the configuration is larger than {MaxBytes} bytes");
        if (utf8.StartsWith("\uFEFF"u8)) utf8 = utf8[3..];
        if (Utf8.IsValid(utf8)) return utf8;

        // Text up to the first bad byte decodes to itself, so its length finds the place.
        int bad = 0;
        while (Rune.DecodeFromUtf8(utf8[bad..], out _, out int length) == System.Buffers.OperationStatus.Done) bad += length;
        int line = utf8[..bad].Count((byte)'\n') + 1;
        int column = Encoding.UTF8.GetCharCount(utf8[(utf8[..bad].LastIndexOf((byte)'\n') + 1)..bad]) + 1;
        throw Unreadable(source, new ConfigPosition(line, column), $"byte 0x{utf8[bad]:x2} is not UTF-8");
    }

    private static ModelConfig Bind(ConfigMessage message, string sourceName, string root, string modelName)
    {
        ConfigSource source = new(sourceName, root, message);
        ConfigErrors errors = new(source, sourceName);
        Refusals.Check(message, errors);
        ModelConfig config = ModelConfigBinder.Bind(message, modelName, source, errors);
        ModelConfigValidator.Check(config, modelName, isComplete: false, errors);
        errors.ThrowIfAny();
        return config;
    }

    private static ModelConfigException Unreadable(string source, ConfigPosition position, string message) =>
        new([new ModelConfigError(source, position.Line, position.Column, "", message)]);
}
