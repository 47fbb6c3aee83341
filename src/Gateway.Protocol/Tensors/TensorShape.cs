using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;

namespace Gateway.Protocol.Tensors;

/// <summary>Dimensions of a tensor, held in place so that a request's shapes cost no allocation.</summary>
/// <remarks>
/// At most <see cref="MaxRank"/> dimensions; -1 stands for a dimension of any size in a model's signature and never appears in a request.
/// A rank of 0 is a scalar: one element.
/// </remarks>
public struct TensorShape : IEquatable<TensorShape>
{
    /// <summary>Largest rank served: the networks in common use stop at 5 or 6 (batched video, windowed attention).</summary>
    public const int MaxRank = 8;

    private Dimensions _dimensions;

    public TensorShape(ReadOnlySpan<long> dimensions)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(dimensions.Length, MaxRank, nameof(dimensions));
        dimensions.CopyTo(_dimensions);
        Rank = dimensions.Length;
    }

    /// <summary>Number of dimensions, 0 to <see cref="MaxRank"/>.</summary>
    public int Rank { get; private set; }

    /// <summary>The dimensions, outermost first.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<long> Dims => ((ReadOnlySpan<long>)_dimensions)[..Rank];

    public long this[int index]
    {
        readonly get => Dims[index];
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Rank, nameof(index));
            _dimensions[index] = value;
        }
    }

    /// <summary>Appends a dimension.</summary>
    /// <returns>False when the shape already has <see cref="MaxRank"/> dimensions.</returns>
    public bool TryAdd(long dimension)
    {
        if (Rank == MaxRank) return false;
        _dimensions[Rank++] = dimension;
        return true;
    }

    /// <summary>Multiplies the dimensions from <paramref name="start"/> on.</summary>
    /// <returns>False when a dimension is negative or the product overflows a signed 64-bit integer; <paramref name="count"/> is then 0.</returns>
    public readonly bool TryCountElements(out long count, int start = 0)
    {
        count = 1;
        bool overflow = false;
        bool empty = false;
        foreach (long dimension in Dims[start..])
        {
            if (dimension < 0)
            {
                count = 0;
                return false;
            }

            empty |= dimension == 0;
            overflow |= dimension != 0 && count > long.MaxValue / dimension;
            if (!overflow && dimension != 0) count *= dimension;
        }

        if (empty)
        {
            count = 0;
            return true;
        }

        if (overflow) count = 0;
        return !overflow;
    }

    public readonly bool Equals(TensorShape other) => Dims.SequenceEqual(other.Dims);

    public override readonly bool Equals(object? obj) => obj is TensorShape other && Equals(other);

    public override readonly int GetHashCode()
    {
        HashCode hash = default;
        foreach (long dimension in Dims) hash.Add(dimension);
        return hash.ToHashCode();
    }

    public static bool operator ==(TensorShape left, TensorShape right) => left.Equals(right);

    public static bool operator !=(TensorShape left, TensorShape right) => !left.Equals(right);

    /// <summary>The shape as Triton prints it: <c>[1,16]</c>, without spaces.</summary>
    public override readonly string ToString()
    {
        StringBuilder text = new("[");
        foreach (long dimension in Dims)
        {
            if (text.Length > 1) text.Append(',');
            text.Append(dimension);
        }

        return text.Append(']').ToString();
    }

    [InlineArray(MaxRank)]
    private struct Dimensions
    {
        private long _first;
    }
}
