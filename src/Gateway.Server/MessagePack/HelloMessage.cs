using Gateway.Protocol.MessagePack;

namespace Gateway.Server.MessagePack;

/// <summary>A client's <c>hello</c>.</summary>
internal readonly ref struct HelloMessage
{
    /// <summary>Highest version of the protocol that the client speaks.</summary>
    public ulong Version { get; private init; }

    /// <summary>Access token; empty when there is none.</summary>
    public ReadOnlySpan<byte> Token { get; private init; }

    /// <summary>Whether it names a tenant, with however poor a name.</summary>
    public bool HasTenant { get; private init; }

    /// <summary>Name of the tenant that the connection is for.</summary>
    public ReadOnlySpan<byte> Tenant { get; private init; }

    /// <summary>Most calls that the client wants in flight; 0 leaves it to the server.</summary>
    public ulong Window { get; private init; }

    /// <exception cref="Protocol.InferenceException">It is malformed, or has no version.</exception>
    public static HelloMessage Read(ref MessagePackReader reader)
    {
        ulong? version = null;
        ulong? window = null;
        bool hasToken = false;
        ReadOnlySpan<byte> token = default;
        bool hasTenant = false;
        ReadOnlySpan<byte> tenant = default;
        if (!reader.TryReadMapHeader(out int entries)) throw Malformed.At(reader, "the body of the hello");
        for (; entries > 0; entries--)
        {
            if (!reader.TryReadStringUnchecked(out ReadOnlySpan<byte> key)) throw Malformed.At(reader, "a key of the hello");
            if (key.SequenceEqual("version"u8))
            {
                version = ReadNumber(ref reader, version, "version");
            }
            else if (key.SequenceEqual("window"u8))
            {
                window = ReadNumber(ref reader, window, "window");
            }
            else if (key.SequenceEqual("token"u8))
            {
                if (hasToken) throw Malformed.Twice("token");
                hasToken = true;
                if (!reader.TryReadString(out token)) throw Malformed.At(reader, "'token'");
            }
            else if (key.SequenceEqual("tenant"u8))
            {
                if (hasTenant) throw Malformed.Twice("tenant");
                hasTenant = true;
                if (!reader.TryReadString(out tenant)) throw Malformed.At(reader, "'tenant'");
            }
            else if (!reader.TrySkip())
            {
                throw Malformed.At(reader, "a value of the hello");
            }
        }

        return new HelloMessage { Version = version ?? throw Malformed.Invalid("the hello has no 'version'"), Token = token, HasTenant = hasTenant, Tenant = tenant, Window = window ?? 0 };
    }

    private static ulong ReadNumber(ref MessagePackReader reader, ulong? before, string key)
    {
        if (before is not null) throw Malformed.Twice(key);
        return reader.TryReadUInt64(out ulong number) ? number : throw Malformed.At(reader, $"'{key}'");
    }
}
