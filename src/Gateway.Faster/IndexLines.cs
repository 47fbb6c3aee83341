using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.Intrinsics.X86;
using FASTER.core;

namespace Gateway.Faster;

/// <summary>Where FASTER's index has the bucket of a key, so that it can be fetched while there is something else to do.</summary>
/// <remarks>
/// FASTER shows its table to nobody, and a look-up that finds nothing is little else than the wait for one line of it. So the table is looked for once, by name; an index that has none by that name is not hinted at, and works all
/// the same. Our index never grows, so the table stays where it is. <b>Threading</b>: any.
/// </remarks>
internal sealed unsafe class IndexLines
{
    private const BindingFlags Hidden = BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public;

    private readonly byte* _table;
    private readonly ulong _mask;

    private IndexLines(byte* table, long mask)
    {
        _table = table;
        _mask = (ulong)mask;
    }

    /// <returns>Null where the table is not where it is looked for.</returns>
    [UnconditionalSuppressMessage("Trimming", "IL2075", Justification = "Without the fields nothing is hinted at.")]
    public static IndexLines? Of(FasterBase store)
    {
        if (!Sse.IsSupported || typeof(FasterBase).GetField("state", Hidden)?.GetValue(store) is not Array { Length: > 0 } versions) return null;
        foreach (object? version in versions)
        {
            // Of the two only the one in use has a table, as long as the index does not grow.
            if (version?.GetType() is { } type && type.GetField("size_mask", Hidden)?.GetValue(version) is long and > 0 and var mask && type.GetField("tableAligned", Hidden)?.GetValue(version) is Pointer table)
                return new IndexLines((byte*)Pointer.Unbox(table), mask);
        }

        return null;
    }

    /// <summary>Has the bucket of a key fetched meanwhile: only a hint, wherever it points.</summary>
    public void Expect(ulong hash) => Sse.Prefetch0(_table + ((hash & _mask) * FasterStore.BucketBytes));
}
