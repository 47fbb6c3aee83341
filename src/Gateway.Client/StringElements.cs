using System.Buffers.Binary;

namespace Gateway.Client;

/// <summary>Walks the strings of a tensor where they lie.</summary>
public ref struct StringElements
{
    private ReadOnlySpan<byte> _rest;

    internal StringElements(ReadOnlySpan<byte> bytes) => _rest = bytes;

    /// <summary>The string, as UTF-8.</summary>
    public ReadOnlySpan<byte> Current { get; private set; }

    public readonly StringElements GetEnumerator() => this;

    /// <exception cref="InvalidDataException">A length reaches beyond the tensor.</exception>
    public bool MoveNext()
    {
        if (_rest.IsEmpty) return false;
        if (_rest.Length < sizeof(uint)) throw new InvalidDataException("The tensor ends within the length of a string.");
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(_rest);
        ReadOnlySpan<byte> after = _rest[sizeof(uint)..];
        if (length > (uint)after.Length) throw new InvalidDataException("A string of the tensor is longer than what is left of it.");
        Current = after[..(int)length];
        _rest = after[(int)length..];
        return true;
    }
}
