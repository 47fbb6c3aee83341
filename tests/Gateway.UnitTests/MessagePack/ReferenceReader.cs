namespace Gateway.UnitTests.MessagePack;

/// <summary>The plainest reader that can be written from the specification, to compare the real one with: recursive, one byte at a time.</summary>
internal static class ReferenceReader
{
    /// <returns>Where the value that begins at <paramref name="start"/> ends; -1 if it is not valid or nests deeper than <paramref name="levels"/>.</returns>
    public static long Skip(byte[] message, long start, int levels)
    {
        if (start >= message.Length) return -1;
        int format = message[start];
        return format switch
        {
            <= 0x7f or >= 0xe0 or 0xc0 or 0xc2 or 0xc3 => start + 1,
            <= 0x8f => SkipItems(message, start + 1, 2 * (format & 15), levels),
            <= 0x9f => SkipItems(message, start + 1, format & 15, levels),
            <= 0xbf => SkipBytes(message, start + 1, format & 31),
            0xc4 or 0xd9 => SkipCounted(message, start, 1, 0),
            0xc5 or 0xda => SkipCounted(message, start, 2, 0),
            0xc6 or 0xdb => SkipCounted(message, start, 4, 0),
            0xc7 => SkipCounted(message, start, 1, 1),
            0xc8 => SkipCounted(message, start, 2, 1),
            0xc9 => SkipCounted(message, start, 4, 1),
            0xcc or 0xd0 => SkipBytes(message, start + 1, 1),
            0xcd or 0xd1 or 0xd4 => SkipBytes(message, start + 1, 2),
            0xd5 => SkipBytes(message, start + 1, 3),
            0xca or 0xce or 0xd2 => SkipBytes(message, start + 1, 4),
            0xd6 => SkipBytes(message, start + 1, 5),
            0xcb or 0xcf or 0xd3 => SkipBytes(message, start + 1, 8),
            0xd7 => SkipBytes(message, start + 1, 9),
            0xd8 => SkipBytes(message, start + 1, 17),
            0xdc => SkipItems(message, start + 3, Number(message, start + 1, 2), levels),
            0xdd => SkipItems(message, start + 5, Number(message, start + 1, 4), levels),
            0xde => SkipItems(message, start + 3, 2 * Number(message, start + 1, 2), levels),
            0xdf => SkipItems(message, start + 5, 2 * Number(message, start + 1, 4), levels),
            _ => -1,
        };
    }

    private static long SkipItems(byte[] message, long position, long count, int levels)
    {
        if (count < 0 || levels == 0) return -1;
        for (long i = 0; i < count && position >= 0; i++) position = Skip(message, position, levels - 1);
        return position;
    }

    private static long SkipCounted(byte[] message, long start, int lengthBytes, int more)
    {
        long length = Number(message, start + 1, lengthBytes);
        return length < 0 ? -1 : SkipBytes(message, start + 1 + lengthBytes, length + more);
    }

    private static long SkipBytes(byte[] message, long position, long count) => position + count <= message.Length ? position + count : -1;

    private static long Number(byte[] message, long position, int bytes)
    {
        if (position + bytes > message.Length) return -1;
        long number = 0;
        for (int i = 0; i < bytes; i++) number = (number << 8) | message[position + i];
        return number;
    }
}
