namespace Gateway.Server.OpenInference;

/// <summary>Reads values that must be of one type, with Triton's errors when they are not.</summary>
internal static class JsonValues
{
    public static JsonString ReadString(scoped ref JsonCursor cursor, string member)
    {
        if (cursor.Peek() == '"') return cursor.ReadString();
        cursor.SkipValue();
        throw Errors.NotA(member, "string", "string");
    }

    public static bool ReadBoolean(scoped ref JsonCursor cursor, string member)
    {
        cursor.Peek();
        if (cursor.TryReadLiteral("true"u8)) return true;
        if (cursor.TryReadLiteral("false"u8)) return false;
        cursor.SkipValue();
        throw Errors.NotA(member, "boolean", "boolean");
    }

    public static ulong ReadUnsigned(scoped ref JsonCursor cursor, string member)
    {
        if (cursor.Peek() is (byte)'-' or (>= (byte)'0' and <= (byte)'9'))
        {
            ReadOnlySpan<byte> text = cursor.Rest;
            NumberToken token = cursor.ReadNumber();
            if (IntegerElement<ulong>.IsRightKind(token) && IntegerElement<ulong>.TryConvert(token, text[..token.Length], out ulong value)) return value;
        }
        else
        {
            cursor.SkipValue();
        }

        throw Errors.NotA(member, "unsigned-integer", "unsigned-integer");
    }

    /// <summary>Begins an array.</summary>
    public static void BeginArray(scoped ref JsonCursor cursor, string member)
    {
        if (cursor.TryTake((byte)'[')) return;
        cursor.SkipValue();
        throw Errors.NotA(member, "array", "array");
    }

    /// <summary>Begins an object.</summary>
    public static void BeginObject(scoped ref JsonCursor cursor, string member)
    {
        if (cursor.TryTake((byte)'{')) return;
        cursor.SkipValue();
        throw Errors.NotA(member, "object", "object");
    }
}
