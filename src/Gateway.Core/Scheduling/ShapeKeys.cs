using Gateway.Core.Requests;

namespace Gateway.Core.Scheduling;

/// <summary>Sees to it that only requests of equal shapes share a shape key.</summary>
internal static class ShapeKeys
{
    /// <summary>Gives an arrived request another key when its own is taken by other shapes.</summary>
    /// <remarks>
    /// The key is a hash, and one that a client can compute: it could choose dimensions (with a 0 among them they may be as large as it likes) that give
    /// another shape's key, and in one batch the rows of the one would be gathered with the size of the other's. All that wait under a key have equal
    /// shapes, so one of them is enough to compare with.
    /// </remarks>
    public static void Separate(InferenceRequest arrived, RequestQueue queue)
    {
        while (queue.AnyOf(arrived.ShapeKey) is InferenceRequest other && !arrived.HasShapesOf(other)) arrived.ShapeKey++;
    }
}
