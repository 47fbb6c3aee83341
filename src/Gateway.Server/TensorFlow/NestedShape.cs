using Gateway.Protocol;
using Gateway.Protocol.Tensors;
using Gateway.Server.OpenInference;

namespace Gateway.Server.TensorFlow;

/// <summary>The shape that nested lists have; their first elements say it, and all others must be like them.</summary>
internal static class NestedShape
{
    /// <summary>Reads a value, of which only the lists are looked at.</summary>
    /// <returns>No dimensions for what is no list.</returns>
    /// <exception cref="InferenceException">The lists are not even, or nest deeper than tensors can.</exception>
    public static TensorShape Read(scoped ref JsonCursor cursor)
    {
        Span<long> dims = stackalloc long[TensorShape.MaxRank];
        dims.Fill(-1);
        int rank = -1;
        Read(ref cursor, dims, level: 0, ref rank);
        TensorShape shape = default;
        for (int i = 0; i < rank; i++) shape.TryAdd(Math.Max(0, dims[i]));
        return shape;
    }

    private static void Read(scoped ref JsonCursor cursor, scoped Span<long> dims, int level, ref int rank)
    {
        if (cursor.Peek() != '[')
        {
            if (rank < 0) rank = level;
            if (level != rank) throw Errors.Invalid($"JSON Value found at incorrect level: {level} in the JSON DOM. Expected at level: {rank}");
            cursor.SkipValue();
            return;
        }

        if (rank >= 0 && level >= rank) throw Errors.Invalid($"Encountered list at unexpected level: {level} expected < {rank}");
        if (level == dims.Length) throw Errors.Invalid($"lists nest deeper than the {TensorShape.MaxRank} dimensions that a tensor can have");
        cursor.TryTake((byte)'[');
        long count = 0;
        bool isFirst = true;
        for (; cursor.TryNextElement(ref isFirst); count++) Read(ref cursor, dims, level + 1, ref rank);
        if (rank < 0) rank = level + 1;
        if (dims[level] >= 0 && dims[level] != count) throw Errors.Invalid($"Encountered list at unexpected size: {count} at level: {level} expected size: {dims[level]}");
        dims[level] = count;
    }
}
