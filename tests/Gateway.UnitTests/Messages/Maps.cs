using System.Runtime.InteropServices;
using Gateway.TestSupport.MessagePack;
using Map = System.Collections.Generic.Dictionary<string, object?>;

namespace Gateway.UnitTests.Messages;

/// <summary>Messages as dictionaries: what they hold is asked for by name.</summary>
internal static class Maps
{
    public static byte[] Write(object? value) => MessageTree.Write(Tree(value));

    public static object? Read(byte[] message) => Plain(MessageTree.Read(message));

    /// <summary>A request with one row of floats.</summary>
    public static Map Request(params float[] row) => Request("x", "FP32", [1, row.Length], MemoryMarshal.AsBytes(row.AsSpan()).ToArray());

    public static Map Request(string name, string type, long[] shape, byte[] data) => new() { ["inputs"] = new object?[] { Tensor(name, type, shape, data) } };

    public static Map Tensor(string name, string type, long[] shape, byte[] data) =>
        new() { ["name"] = name, ["datatype"] = type, ["shape"] = shape.Cast<object?>().ToArray(), ["data"] = data };

    public static Map With(Map map, string key, object? value) => new(map) { [key] = value };

    public static Map Without(Map map, string key) => new(map.Where(entry => entry.Key != key));

    /// <summary>One output of an answer.</summary>
    public static Map Output(object? answer, int index = 0) => (Map)((object?[])((Map)answer!)["outputs"]!)[index]!;

    /// <summary>Maps as the lists of pairs that a message tree has.</summary>
    private static object? Tree(object? value) => value switch
    {
        Map map => map.Select(entry => KeyValuePair.Create((object?)entry.Key, Tree(entry.Value))).ToList(),
        object?[] items => items.Select(Tree).ToArray(),
        long number => (Int128)number,
        _ => value,
    };

    private static object? Plain(object? value) => value switch
    {
        List<KeyValuePair<object?, object?>> map => map.ToDictionary(entry => (string)entry.Key!, entry => Plain(entry.Value)),
        object?[] items => items.Select(Plain).ToArray(),
        Int128 number => (long)number,
        _ => value,
    };
}
