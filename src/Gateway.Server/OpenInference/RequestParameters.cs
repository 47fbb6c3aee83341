using Gateway.Core.Caching;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>Reads the <c>parameters</c> of a whole request.</summary>
/// <remarks>Custom parameters are checked and otherwise ignored: no model that is served here takes any.</remarks>
internal static class RequestParameters
{
    /// <returns>Whether outputs that the request does not list are to be binary.</returns>
    public static bool Read(ref JsonCursor cursor, InferenceRequest request)
    {
        if (!cursor.TryTake((byte)'{'))
        {
            cursor.SkipValue();
            throw Errors.Invalid("failed to get request params.: attempt to get members for non-object");
        }

        Seen seen = Seen.None;
        bool isBinary = false;
        bool isFirst = true;
        while (cursor.TryNextMember(ref isFirst, out JsonString key))
        {
            Seen which = KindOf(key);
            if (which != Seen.None && (seen & which) != 0)
            {
                cursor.SkipValue();
                continue;
            }

            seen |= which;
            switch (which)
            {
                case Seen.Priority:
                    request.Priority = (int)Math.Min(int.MaxValue, JsonValues.ReadUnsigned(ref cursor, "priority"));
                    break;
                case Seen.Timeout:
                    request.LimitTime((long)Math.Min(long.MaxValue, JsonValues.ReadUnsigned(ref cursor, "timeout")));
                    break;
                case Seen.BinaryDataOutput:
                    isBinary = JsonValues.ReadBoolean(ref cursor, "binary_data_output");
                    break;
                case Seen.Cache:
                    request.CacheUse = ReadCache(ref cursor);
                    break;
                case Seen.Explain:
                    request.Explains = JsonValues.ReadBoolean(ref cursor, "explain");
                    break;
                case Seen.SequenceId:
                    if (!IsNoSequence(ref cursor)) throw NoSequences(request, key);
                    break;
                case Seen.SequenceStart or Seen.SequenceEnd:
                    if (JsonValues.ReadBoolean(ref cursor, key.ToString())) throw NoSequences(request, key);
                    break;
                default:
                    SkipCustom(ref cursor, key);
                    break;
            }
        }

        return isBinary;
    }

    private static Seen KindOf(JsonString key)
    {
        if (key.Is("priority"u8)) return Seen.Priority;
        if (key.Is("timeout"u8)) return Seen.Timeout;
        if (key.Is("cache"u8)) return Seen.Cache;
        if (key.Is(ServerTiming.AskParameter)) return Seen.Explain;
        if (key.Is("binary_data_output"u8)) return Seen.BinaryDataOutput;
        if (key.Is("sequence_id"u8)) return Seen.SequenceId;
        if (key.Is("sequence_start"u8)) return Seen.SequenceStart;
        return key.Is("sequence_end"u8) ? Seen.SequenceEnd : Seen.None;
    }

    /// <summary>0 and the empty string both say that the request is of no sequence.</summary>
    private static bool IsNoSequence(ref JsonCursor cursor) =>
        cursor.Peek() == '"' ? cursor.ReadString().Raw.Length == 0 : JsonValues.ReadUnsigned(ref cursor, "sequence_id") == 0;

    private static CacheUse ReadCache(ref JsonCursor cursor)
    {
        string word = JsonValues.ReadString(ref cursor, "cache").ToString();
        return CacheUses.TryParse(word, out CacheUse use) ? use : throw Errors.Invalid($"parameter 'cache' is '{(word.Length > 64 ? word[..64] : word)}', expected one of {CacheUses.Allowed}");
    }

    private static InferenceException NoSequences(InferenceRequest request, JsonString key) =>
        Errors.Invalid($"model '{request.Model.Name}' does not serve sequences: parameter '{key.ToString()}' is not supported");

    private static void SkipCustom(ref JsonCursor cursor, JsonString key)
    {
        if (key.ToString().StartsWith("triton_", StringComparison.Ordinal))
        {
            throw Errors.Invalid("parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.");
        }

        byte next = cursor.Peek();
        cursor.SkipValue();
        if (next is (byte)'{' or (byte)'[' or (byte)'n')
        {
            throw Errors.Invalid($"parameter '{key.ToString()}' has invalid type. It should be either 'int', 'bool', or 'string'.");
        }
    }

    /// <summary>Parameters that mean something; of each, the first one counts.</summary>
    [Flags]
    private enum Seen
    {
        None = 0,
        Priority = 1,
        Timeout = 2,
        BinaryDataOutput = 4,
        SequenceId = 8,
        SequenceStart = 16,
        SequenceEnd = 32,
        Cache = 64,
        Explain = 128,
    }
}
