using System.Globalization;
using Gateway.Core.Tracing;

namespace Gateway.Server.Hosting;

/// <summary>Reads <c>--trace-config</c>.</summary>
internal static class TraceSetup
{
    private const string ModePrefix = "triton,";

    /// <summary>Reads texts of <c>[triton,]setting=value</c>, as Triton has them.</summary>
    /// <param name="directory">As <see cref="ServerOptions.TraceDirectory"/>.</param>
    /// <param name="config">Meaningful when nothing is wrong.</param>
    /// <returns>Null, or what is wrong.</returns>
    public static string? Parse(IReadOnlyList<string> texts, string? directory, out TraceConfig config)
    {
        config = new TraceConfig();
        foreach (string text in texts)
        {
            ReadOnlySpan<char> plain = text.StartsWith(ModePrefix, StringComparison.Ordinal) ? text.AsSpan(ModePrefix.Length) : text;
            int equals = plain.IndexOf('=');
            if (equals < 0) return $"'{text}' is not SETTING=VALUE or triton,SETTING=VALUE";
            string name = plain[..equals].ToString();
            string value = plain[(equals + 1)..].ToString();
            switch (name)
            {
                case "level" when value is "TIMESTAMPS" or "OFF":
                    config = config with { HasTimestamps = value == "TIMESTAMPS" };
                    break;
                case "rate" when uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint rate):
                    config = config with { Rate = rate };
                    break;
                case "count" when int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int count) && count >= -1:
                    config = config with { Count = count };
                    break;
                case "log-frequency" when uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out uint frequency):
                    config = config with { LogFrequency = frequency };
                    break;
                case "file" when value.Length > 0:
                    config = config with { File = Path.GetFullPath(value) };
                    break;
                case "mode" when value == "triton":
                    break;
                default:
                    return $"'{text}' is not served (allowed level=TIMESTAMPS or OFF, rate=N, count=N, log-frequency=N, file=PATH, mode=triton)";
            }
        }

        return directory is not null && config.File.Length == 0 ? null : config.Problem;
    }
}
