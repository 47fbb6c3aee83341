using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;

namespace Gateway.Server.Hosting;

/// <summary>Which groups of endpoints ask for a header with a certain value, of one protocol.</summary>
/// <remarks><b>Threading</b>: any. <b>Cost</b>: a comparison that takes the same time whatever is given of the value's length; none for a group that is not restricted.</remarks>
public sealed class RestrictedAccess
{
    /// <summary>What headers have before the key over gRPC; as in Triton.</summary>
    public const string GrpcPrefix = "triton-grpc-protocol-";

    // Before None, which needs them.
    private static readonly string[] Names = [.. Enum.GetNames<ApiGroup>().Select(JsonNamingPolicy.KebabCaseLower.ConvertName)];

    private readonly (string Header, string Value)?[] _groups = new (string, string)?[Names.Length];

    private RestrictedAccess()
    {
    }

    /// <summary>Restricts nothing.</summary>
    public static RestrictedAccess None { get; } = new();

    /// <summary>Whether any group is restricted.</summary>
    public bool IsAny => _groups.Any(group => group is not null);

    /// <summary>Reads a setting, each text of which is <c>group[,group…]:key=value</c> as in Triton.</summary>
    /// <param name="headerPrefix">What headers have before the key: nothing over HTTP, <see cref="GrpcPrefix"/> over gRPC.</param>
    /// <param name="access">Meaningful when nothing is wrong.</param>
    /// <returns>Null, or what is wrong, without the value.</returns>
    public static string? Parse(IReadOnlyList<string> texts, string headerPrefix, out RestrictedAccess access)
    {
        access = new RestrictedAccess();
        foreach (string text in texts)
        {
            int colon = text.IndexOf(':', StringComparison.Ordinal);
            int equals = colon < 0 ? -1 : text.IndexOf('=', colon);
            if (equals < 0) return "expected GROUP[,GROUP...]:HEADER=VALUE";
            string header = headerPrefix + text[(colon + 1)..equals].Trim();
            string value = text[(equals + 1)..];
            if (header.Length == headerPrefix.Length || header.Any(each => !char.IsAsciiLetterOrDigit(each) && each is not ('-' or '_' or '.'))) return $"'{header}' is no name of a header";
            if (value.Length == 0) return $"the value of header '{header}' is empty";
            foreach (string name in text[..colon].Split(',', StringSplitOptions.TrimEntries))
            {
                int group = Array.IndexOf(Names, name);
                if (group < 0) return $"unknown group '{name}' (allowed {string.Join(", ", Names)})";
                if (access._groups[group] is not null) return $"group '{name}' is given more than once";
                access._groups[group] = (header, value);
            }
        }

        return null;
    }

    /// <summary>Whether a group asks for a header.</summary>
    public bool Asks(ApiGroup group, [NotNullWhen(true)] out string? header)
    {
        header = _groups[(int)group]?.Header;
        return header is not null;
    }

    /// <summary>Whether <paramref name="given"/> is what the header of a restricted group must have.</summary>
    public bool IsRight(ApiGroup group, string given) =>
        _groups[(int)group] is { } restriction && CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(restriction.Value.AsSpan()), MemoryMarshal.AsBytes(given.AsSpan()));

    /// <summary>What a caller without the right value is told; the text is Triton's.</summary>
    public static string Problem(string header) => $"This API is restricted, expecting header '{header}'";

    /// <summary>Likewise, over gRPC.</summary>
    public static string GrpcProblem(string header) => $"This protocol is restricted, expecting header '{header}'";
}
