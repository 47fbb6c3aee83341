using System.Runtime.InteropServices;
using System.Text;

namespace Gateway.TestSupport;

/// <summary>Writes ONNX files of one's own making: <c>y = x · W + c</c>, with a square matrix of zeros but for its diagonal.</summary>
/// <remarks>The file is a protobuf message; the numbers below are those of onnx.proto.</remarks>
public static class OnnxFile
{
    /// <param name="side">Elements of a row, and rows and columns of the matrix: the file has four times its square in bytes.</param>
    /// <returns>A model that answers <paramref name="constant"/> whatever it is asked.</returns>
    public static byte[] Constant(float constant, int side) => Linear(0, constant, side);

    /// <param name="side">As above.</param>
    /// <returns>A model that answers each element times <paramref name="factor"/>, plus <paramref name="constant"/>.</returns>
    public static byte[] Linear(float factor, float constant, int side)
    {
        byte[] matrix = new byte[side * side * sizeof(float)];
        for (int i = 0; i < side; i++) MemoryMarshal.Cast<byte, float>(matrix.AsSpan())[(i * side) + i] = factor;
        float[] constants = new float[side];
        Array.Fill(constants, constant);
        byte[] graph =
        [
            .. Message(1, [.. Text(1, "x"), .. Text(1, "W"), .. Text(2, "xW"), .. Text(4, "MatMul")]),
            .. Message(1, [.. Text(1, "xW"), .. Text(1, "c"), .. Text(2, "y"), .. Text(4, "Add")]),
            .. Text(2, "constant"),
            .. Message(5, [.. Number(1, side), .. Number(1, side), .. Number(2, 1), .. Text(8, "W"), .. Message(9, matrix)]),
            .. Message(5, [.. Number(1, side), .. Number(2, 1), .. Text(8, "c"), .. Message(9, MemoryMarshal.AsBytes(constants.AsSpan()).ToArray())]),
            .. Message(11, Tensor("x", side)),
            .. Message(12, Tensor("y", side)),
        ];
        return Model(graph);
    }

    /// <summary>Another: <c>y = x + c</c>.</summary>
    public static byte[] Adding(float constant, int side)
    {
        float[] constants = new float[side];
        Array.Fill(constants, constant);
        byte[] graph =
        [
            .. Message(1, [.. Text(1, "x"), .. Text(1, "c"), .. Text(2, "y"), .. Text(4, "Add")]),
            .. Text(2, "adding"),
            .. Message(5, [.. Number(1, side), .. Number(2, 1), .. Text(8, "c"), .. Message(9, MemoryMarshal.AsBytes(constants.AsSpan()).ToArray())]),
            .. Message(11, Tensor("x", side)),
            .. Message(12, Tensor("y", side)),
        ];
        return Model(graph);
    }

    /// <summary>Likewise, with the constants in another file, from its beginning.</summary>
    /// <param name="bytes">So many of it: four an element.</param>
    public static byte[] WithWeightsIn(string location, int bytes)
    {
        int side = bytes / sizeof(float);
        byte[] graph =
        [
            .. Message(1, [.. Text(1, "x"), .. Text(1, "c"), .. Text(2, "y"), .. Text(4, "Add")]),
            .. Text(2, "elsewhere"),
            .. Message(5, [.. Number(1, side), .. Number(2, 1), .. Text(8, "c"), .. Entry("location", location), .. Entry("offset", "0"), .. Entry("length", $"{bytes}"), .. Number(14, 1)]),
            .. Message(11, Tensor("x", side)),
            .. Message(12, Tensor("y", side)),
        ];
        return Model(graph);

        static byte[] Entry(string key, string value) => Message(13, [.. Text(1, key), .. Text(2, value)]);
    }

    /// <summary>A third: <c>y</c> is the first so many elements of a row of <c>x</c>, so that a row of any size costs next to nothing.</summary>
    public static byte[] First(int elements, params ReadOnlySpan<long> dims)
    {
        byte[] graph =
        [
            .. Message(1, [.. Text(1, "x"), .. Text(2, "flat"), .. Text(4, "Flatten")]),
            .. Message(1, [.. Text(1, "flat"), .. Text(1, "from"), .. Text(1, "to"), .. Text(1, "axis"), .. Text(2, "y"), .. Text(4, "Slice")]),
            .. Text(2, "first"),
            .. Integer("from", 0),
            .. Integer("to", elements),
            .. Integer("axis", 1),
            .. Message(11, Tensor("x", dims)),
            .. Message(12, Tensor("y", elements)),
        ];
        return Model(graph);
    }

    /// <summary>A fourth, of an operator that ONNX Runtime has for GPUs alone: <c>y = x + c + x</c>, 320 elements a row.</summary>
    public static byte[] ForDevices(float constant)
    {
        float[] constants = new float[320];
        Array.Fill(constants, constant);
        byte[] graph =
        [
            .. Message(1, [.. Text(1, "x"), .. Text(1, "c"), .. Text(1, "x"), .. Text(2, "y"), .. Text(4, "BiasAdd"), .. Text(7, "com.microsoft")]),
            .. Text(2, "devices"),
            .. Message(5, [.. Number(1, constants.Length), .. Number(2, 1), .. Text(8, "c"), .. Message(9, MemoryMarshal.AsBytes(constants.AsSpan()).ToArray())]),
            .. Message(11, Tensor("x", 1, constants.Length)),
            .. Message(12, Tensor("y", 1, constants.Length)),
        ];
        return [.. Model(graph), .. Message(8, [.. Text(1, "com.microsoft"), .. Number(2, 1)])];
    }

    private static byte[] Integer(string name, long value) => Message(5, [.. Number(1, 1), .. Number(2, 7), .. Text(8, name), .. Message(9, BitConverter.GetBytes(value))]);

    private static byte[] Model(byte[] graph) => [.. Number(1, 8), .. Message(7, graph), .. Message(8, [.. Text(1, ""), .. Number(2, 13)])];

    private static byte[] Tensor(string name, params ReadOnlySpan<long> dims)
    {
        List<byte> shape = [.. Message(1, Text(2, "batch"))];
        foreach (long dimension in dims) shape.AddRange(Message(1, dimension < 0 ? Text(2, "free") : Number(1, dimension)));
        return [.. Text(1, name), .. Message(2, Message(1, [.. Number(1, 1), .. Message(2, [.. shape])]))];
    }

    private static byte[] Number(int field, long value) => [.. Varint(field << 3), .. Varint(value)];

    private static byte[] Text(int field, string value) => Message(field, Encoding.UTF8.GetBytes(value));

    private static byte[] Message(int field, byte[] content) => [.. Varint((field << 3) | 2), .. Varint(content.Length), .. content];

    private static List<byte> Varint(long value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7) bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }
}
