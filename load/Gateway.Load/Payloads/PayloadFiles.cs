using System.Text.Json;

namespace Gateway.Load.Payloads;

/// <summary>Reads requests from files, each as the Open Inference Protocol has it in JSON.</summary>
internal static class PayloadFiles
{
    /// <exception cref="LoadException">A file cannot be read, or is no request.</exception>
    public static RequestPayload[] Read(IReadOnlyList<string> paths) => [.. paths.Select(Read)];

    /// <summary>Any bytes, for a plain target.</summary>
    public static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new LoadException(ExitCode.BadSettings, $"payload {path}: {exception.Message}");
        }
    }

    private static RequestPayload Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("inputs", out JsonElement inputs)
                ? new RequestPayload(TensorJson.Read(inputs))
                : throw new FormatException("it has no 'inputs'");
        }
        catch (Exception exception) when (exception is JsonException or FormatException)
        {
            throw new LoadException(ExitCode.BadSettings, $"payload {path}: {exception.Message}");
        }
    }
}
