using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Gateway.Server.OpenInference;

/// <summary>The header of the binary tensor extension, which says where the JSON part of a body ends.</summary>
internal static class InferHeaders
{
    public const string HeadLength = "Inference-Header-Content-Length";

    // Lengths of the JSON parts of answers hardly vary with one model; their text is made once.
    private static readonly string?[] Lengths = new string?[2048];

    /// <summary>Reads where the JSON part of a request ends.</summary>
    /// <param name="bodyLength">-1 when not known.</param>
    /// <returns>The length, 0 for a raw request; null when there is no such header.</returns>
    public static int? Read(IHeaderDictionary headers, long bodyLength)
    {
        if (!headers.TryGetValue(HeadLength, out StringValues values) || values.Count == 0) return null;
        string text = values.Count == 1 ? values[0]! : values.ToString();
        if (!int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int length))
        {
            ReadOnlySpan<char> digits = text.AsSpan().TrimStart("+-");
            bool isNumber = digits.Length > 0 && !digits.ContainsAnyExceptInRange('0', '9');
            throw Errors.Invalid(
                $"Unable to parse {HeadLength}, {(isNumber ? $"value is out of range [ {int.MinValue}, {int.MaxValue} ], " : "")}got: {text}");
        }

        if (length < 0 || (bodyLength >= 0 && length > bodyLength))
        {
            throw Errors.Invalid($"inference header size should be in range (0, {Math.Max(0, bodyLength)}), got: {length}");
        }

        return length;
    }

    /// <summary>The number as header text.</summary>
    public static string Text(int length) =>
        length < Lengths.Length
            ? Lengths[length] ??= length.ToString(CultureInfo.InvariantCulture)
            : length.ToString(CultureInfo.InvariantCulture);
}
