using System.Buffers.Text;

namespace Gateway.Load.Carriers.Http;

/// <summary>A body that comes in chunks, which only plain targets send.</summary>
internal static class ChunkedBody
{
    /// <param name="joined">Scratch memory for the body, grown as needed.</param>
    /// <param name="bytes">Bytes of all chunks as sent, the last and the trailers included.</param>
    /// <param name="length">Bytes of the body.</param>
    /// <returns>False when it is not complete yet.</returns>
    /// <exception cref="InvalidDataException">A chunk is malformed.</exception>
    public static bool TryRead(ReadOnlySpan<byte> received, ref byte[] joined, out int bytes, out int length)
    {
        bytes = 0;
        length = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = received[bytes..];
            int line = rest.IndexOf("\r\n"u8);
            if (line < 0) return false;
            if (!Utf8Parser.TryParse(rest[..line], out int size, out _, 'x') || size < 0 || size > int.MaxValue / 4) throw new InvalidDataException("a chunk of the answer has no length");
            if (size == 0)
            {
                // Trailers, as lines, up to an empty one.
                int end = rest[line..].IndexOf("\r\n\r\n"u8);
                bytes += line + end + 4;
                return end >= 0;
            }

            int whole = line + 2 + size + 2;
            if (rest.Length < whole) return false;
            if (joined.Length < length + size) Array.Resize(ref joined, Math.Max(length + size, 2 * joined.Length));
            rest.Slice(line + 2, size).CopyTo(joined.AsSpan(length));
            length += size;
            bytes += whole;
        }
    }
}
