using System.Buffers.Binary;
using System.Text;

namespace Gateway.UnitTests.Files;

/// <summary>Array files as NumPy writes them.</summary>
internal static class NpyFile
{
    public static byte[] Of(string type, string shape, params ReadOnlySpan<byte> elements) => Raw($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}", elements);

    /// <param name="header">The dictionary; padded as NumPy pads it.</param>
    public static byte[] Raw(string header, ReadOnlySpan<byte> elements, byte version = 1)
    {
        int lengthBytes = version == 1 ? 2 : 4;
        header = header.PadRight((((6 + 2 + lengthBytes + header.Length + 1 + 63) / 64) * 64) - (6 + 2 + lengthBytes) - 1) + "\n";
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, header.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length[..lengthBytes], .. Encoding.UTF8.GetBytes(header), .. elements];
    }
}
