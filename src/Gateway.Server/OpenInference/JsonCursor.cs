using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>Walks a JSON document that lies in one piece, token by token.</summary>
/// <remarks>
/// <b>Behaviour</b>: JSON as RFC 8259 has it, plus the number tokens NaN, Inf and Infinity that Triton's reader takes. Errors are
/// <see cref="InferenceException"/>s with RapidJSON's reasons, as in Triton, and the byte position. Nothing recurses: what is skipped may nest
/// <see cref="MostSkippedLevels"/> deep. <b>Cost</b>: allocates only to fail.
/// </remarks>
internal ref struct JsonCursor
{
    /// <summary>Deeper than any client's parameters; a kilobit of stack says what each level is.</summary>
    public const int MostSkippedLevels = 1024;

    private static readonly SearchValues<byte> EndsPlainText =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(control => (byte)control), (byte)'"', (byte)'\\']);

    private readonly ReadOnlySpan<byte> _json;

    /// <exception cref="InferenceException">The document is not UTF-8.</exception>
    public JsonCursor(ReadOnlySpan<byte> json)
    {
        _json = json;
        if (!Utf8.IsValid(json)) throw Failure("Invalid encoding in string.", FirstInvalid(json));
    }

    /// <summary>Where the next byte is read.</summary>
    public int Position { get; set; }

    public readonly int Length => _json.Length;

    /// <summary>What is not read yet.</summary>
    public readonly ReadOnlySpan<byte> Rest => _json[Position..];

    /// <summary>Goes to the next byte that is not white space.</summary>
    /// <returns>That byte; 0 at the end.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // Three bytes in four of a tensor go through here.
    public byte Peek()
    {
        int position = Position;
        ReadOnlySpan<byte> json = _json;
        while ((uint)position < (uint)json.Length)
        {
            byte next = json[position];
            if (next is not ((byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t'))
            {
                Position = position;
                return next;
            }

            position++;
        }

        Position = position;
        return 0;
    }

    /// <summary>Begins the document's object.</summary>
    public void ReadRoot()
    {
        byte first = Peek();
        if (Position == _json.Length) throw Syntax("The document is empty.");
        if (first == '{')
        {
            Position++;
            return;
        }

        // A document that is not JSON at all gets that error first.
        SkipValue();
        ReadEnd();
        throw Errors.NotA("inputs", "object", "object");
    }

    /// <summary>Checks that nothing follows the document.</summary>
    public void ReadEnd()
    {
        Peek();
        if (Position < _json.Length) throw Syntax("The document root must not be followed by other values.");
    }

    /// <summary>Takes <paramref name="opening"/> if it is what comes next.</summary>
    public bool TryTake(byte opening)
    {
        if (Peek() != opening) return false;
        Position++;
        return true;
    }

    /// <summary>Goes to the value of the object's next member.</summary>
    /// <param name="isFirst">True before the first member; the caller keeps it.</param>
    /// <returns>False when the object has ended.</returns>
    public bool TryNextMember(scoped ref bool isFirst, out JsonString name)
    {
        byte next = Peek();
        name = default;
        if (next == '}')
        {
            Position++;
            return false;
        }

        if (!isFirst)
        {
            if (next != ',') throw Syntax("Missing a comma or } after an object member.");
            Position++;
        }

        isFirst = false;
        name = ReadName();
        return true;
    }

    /// <summary>Goes to the array's next element, which the caller must then read.</summary>
    /// <param name="isFirst">True before the first element; the caller keeps it.</param>
    /// <returns>False when the array has ended.</returns>
    public bool TryNextElement(scoped ref bool isFirst)
    {
        byte next = Peek();
        if (next == ']')
        {
            Position++;
            return false;
        }

        if (!isFirst)
        {
            if (next != ',') throw Syntax("Missing a comma or ] after an array element.");
            Position++;
        }

        isFirst = false;
        return true;
    }

    /// <summary>Reads a string; its opening quote must be next.</summary>
    public JsonString ReadString()
    {
        int start = Position + 1;
        int position = start;
        bool hasEscapes = false;
        while (true)
        {
            int plain = _json[position..].IndexOfAny(EndsPlainText);
            if (plain < 0) throw Failure("Missing a closing quotation mark in string.", Position);
            position += plain;
            byte next = _json[position];
            if (next == '"') break;
            if (next != '\\') throw Failure("Invalid encoding in string.", position);
            hasEscapes = true;
            position = SkipEscape(position);
        }

        Position = position + 1;
        return new JsonString(_json[start..position], hasEscapes);
    }

    public NumberToken ReadNumber()
    {
        string? problem = NumberToken.Scan(_json[Position..], out NumberToken token);
        if (problem is not null) throw Failure(problem, Position + token.Length);
        Position += token.Length;
        return token;
    }

    /// <summary>Takes a literal such as <c>true</c> if it is what comes next.</summary>
    public bool TryReadLiteral(ReadOnlySpan<byte> literal)
    {
        if (!Rest.StartsWith(literal)) return false;
        Position += literal.Length;
        return true;
    }

    /// <summary>Reads one value of any kind, checking it.</summary>
    public void SkipValue()
    {
        Span<ulong> objects = stackalloc ulong[MostSkippedLevels / 64];
        int depth = 0;
        do
        {
            byte next = Peek();
            if (next is (byte)'{' or (byte)'[')
            {
                if (depth == MostSkippedLevels) throw Syntax($"Values nest deeper than {MostSkippedLevels} levels.");
                ulong bit = 1UL << (depth % 64);
                ref ulong word = ref objects[depth / 64];
                word = next == '{' ? word | bit : word & ~bit;
                depth++;
                Position++;
                byte closing = next == '{' ? (byte)'}' : (byte)']';
                if (Peek() != closing)
                {
                    if (next == '{') ReadName();
                    continue;
                }

                Position++;
                depth--;
            }
            else
            {
                SkipScalar(next);
            }

            depth = CloseLevels(objects, depth);
        }
        while (depth > 0);
    }

    public readonly InferenceException Syntax(string reason) => Failure(reason, Position);

    /// <summary>After a value: goes to the next one, leaving all levels that end here.</summary>
    private int CloseLevels(scoped ReadOnlySpan<ulong> objects, int depth)
    {
        while (depth > 0)
        {
            bool isObject = (objects[(depth - 1) / 64] & (1UL << ((depth - 1) % 64))) != 0;
            byte next = Peek();
            if (next == ',')
            {
                Position++;
                if (isObject) ReadName();
                return depth;
            }

            if (next != (isObject ? '}' : ']'))
            {
                throw Syntax(isObject ? "Missing a comma or } after an object member." : "Missing a comma or ] after an array element.");
            }

            Position++;
            depth--;
        }

        return 0;
    }

    private JsonString ReadName()
    {
        if (Peek() != '"') throw Syntax("Missing a name for object member.");
        JsonString name = ReadString();
        if (Peek() != ':') throw Syntax("Missing a colon after a name of object member.");
        Position++;
        return name;
    }

    private void SkipScalar(byte first)
    {
        if (first == '"') ReadString();
        else if (!TryReadLiteral("true"u8) && !TryReadLiteral("false"u8) && !TryReadLiteral("null"u8)) ReadNumber();
    }

    private readonly int SkipEscape(int position)
    {
        ReadOnlySpan<byte> escape = _json[position..];
        if (escape.Length < 2) throw Failure("Missing a closing quotation mark in string.", position);
        if ("\"\\/bfnrt"u8.Contains(escape[1])) return position + 2;
        if (escape[1] != 'u') throw Failure("Invalid escape character in string.", position);
        int unit = JsonString.HexUnit(escape[2..]);
        if (unit < 0) throw Failure("Incorrect hex digit after \\u escape in string.", position);
        if (!char.IsSurrogate((char)unit)) return position + 6;
        int low = escape.Length >= 12 && escape[6] == '\\' && escape[7] == 'u' ? JsonString.HexUnit(escape[8..]) : -1;
        if (!char.IsHighSurrogate((char)unit) || low < 0 || !char.IsLowSurrogate((char)low))
        {
            throw Failure("The surrogate pair in string is invalid.", position);
        }

        return position + 12;
    }

    private static int FirstInvalid(ReadOnlySpan<byte> json)
    {
        int position = 0;
        while (Rune.DecodeFromUtf8(json[position..], out _, out int bytes) == OperationStatus.Done) position += bytes;
        return position;
    }

    private static InferenceException Failure(string reason, int position) =>
        Errors.Invalid($"failed to parse the request JSON buffer: {reason} at {position}");
}
