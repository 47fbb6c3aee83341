using System.Globalization;

namespace Gateway.Files;

/// <summary>Reads the few Python literals that NumPy's headers are made of.</summary>
/// <remarks><b>Behaviour</b>: whatever is not as expected is an <see cref="InvalidDataException"/> that says where.</remarks>
internal ref struct PythonLiteral(ReadOnlySpan<char> text)
{
    private readonly ReadOnlySpan<char> _text = text;
    private int _at;

    public void Expect(char character)
    {
        if (!TryTake(character)) throw At($"'{character}'");
    }

    public bool TryTake(char character)
    {
        SkipBlanks();
        if (_at == _text.Length || _text[_at] != character) return false;
        _at++;
        return true;
    }

    /// <summary>A string in single or double quotes, without escapes.</summary>
    public string ReadString()
    {
        SkipBlanks();
        if (_at == _text.Length || _text[_at] is not ('\'' or '"')) throw At("a string");
        int length = _text[(_at + 1)..].IndexOf(_text[_at]);
        if (length < 0 || _text.Slice(_at + 1, length).Contains('\\')) throw At("a string");
        string read = _text.Slice(_at + 1, length).ToString();
        _at += length + 2;
        return read;
    }

    public bool ReadBool() => TryTake("True") || (TryTake("False") ? false : throw At("True or False"));

    /// <summary>A tuple of whole numbers from 0.</summary>
    public long[] ReadTuple(int most)
    {
        List<long> numbers = [];
        Expect('(');
        while (!TryTake(')'))
        {
            SkipBlanks();
            int length = _text[_at..].IndexOfAnyExceptInRange('0', '9');
            if (length < 0 || !long.TryParse(_text.Slice(_at, length), NumberStyles.None, CultureInfo.InvariantCulture, out long number) || numbers.Count == most) throw At("a dimension");
            numbers.Add(number);
            _at += length;
            if (TryTake(',')) continue;
            Expect(')');
            break;
        }

        return [.. numbers];
    }

    private bool TryTake(string word)
    {
        SkipBlanks();
        if (!_text[_at..].StartsWith(word)) return false;
        _at += word.Length;
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && _text[_at] is (' ' or '\n' or '\t')) _at++;
    }

    private readonly InvalidDataException At(string expected) => new($"its header is not as NumPy writes it: expected {expected} at character {_at}");
}
