namespace Gateway.Core.Scheduling;

/// <summary>The sizes that batches are run at on a device where each size costs something when it is first run: kernels are chosen for it, memory is laid out, a graph is recorded.</summary>
/// <remarks>
/// Powers of two, what is half way between them, and what the configuration prefers: few enough for all to be run before the model is served, and a batch of any size is padded by less than a third of what is run.
/// <c>allowed_batch_sizes</c> in a model's configuration says otherwise.
/// </remarks>
internal static class DeviceSizes
{
    /// <summary>The size to fall back to from one that there is no memory for.</summary>
    /// <param name="sizes">The only ones that are run, ascending; none for any.</param>
    /// <returns>The next smaller; the smallest where that was it.</returns>
    public static int Below(IReadOnlyList<int> sizes, int rows)
    {
        if (sizes.Count == 0) return Math.Max(1, rows / 2);
        int below = sizes[0];
        for (int i = 1; i < sizes.Count && sizes[i] < rows; i++) below = sizes[i];
        return below;
    }

    /// <summary>The size to try next, where one is the largest that there was memory for.</summary>
    /// <param name="sizes">As above.</param>
    /// <returns>The next larger; <see cref="int.MaxValue"/> where that was the largest.</returns>
    public static int Above(IReadOnlyList<int> sizes, int rows)
    {
        if (sizes.Count == 0) return rows > int.MaxValue / 2 ? int.MaxValue : 2 * rows;
        for (int i = 0; i < sizes.Count; i++)
        {
            if (sizes[i] > rows) return sizes[i];
        }

        return int.MaxValue;
    }

    /// <returns>Ascending; the last is <paramref name="most"/>.</returns>
    public static int[] UpTo(int most, IReadOnlyList<int> preferred)
    {
        SortedSet<int> sizes = [most, .. preferred];
        for (int rows = 1; rows < most; rows *= 2)
        {
            sizes.Add(rows);
            if (rows > 1) sizes.Add(rows + (rows / 2));
        }

        return [.. sizes.TakeWhile(rows => rows <= most)];
    }
}
