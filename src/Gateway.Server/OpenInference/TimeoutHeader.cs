using System.Globalization;
using Gateway.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.OpenInference;

/// <summary>The header that gives a request time, from its arrival to its answer: what proxies and clients can set that do not write the body.</summary>
internal static class TimeoutHeader
{
    public const string Name = "Inference-Timeout-Ms";

    private const double MicrosecondsPerMillisecond = 1000;

    // A request that has longer may take as long as it likes.
    private const double MostMilliseconds = 24 * 60 * 60 * 1000;

    /// <returns>Microseconds, at least 1; 0 when there is no such header, or it gives more than a day.</returns>
    /// <exception cref="InferenceException">It is not a number above 0.</exception>
    public static long Read(IHeaderDictionary headers)
    {
        if (!headers.TryGetValue(Name, out StringValues values) || values.Count == 0) return 0;
        string text = values.ToString();
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double milliseconds) || !double.IsFinite(milliseconds) || milliseconds <= 0)
        {
            throw Errors.Invalid($"Unable to parse {Name}, expected milliseconds above 0, got: {(text.Length > 64 ? text[..64] : text)}");
        }

        return milliseconds > MostMilliseconds ? 0 : Math.Max(1, (long)(milliseconds * MicrosecondsPerMillisecond));
    }
}
