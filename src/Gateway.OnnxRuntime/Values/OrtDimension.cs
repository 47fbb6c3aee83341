namespace Gateway.OnnxRuntime.Values;

/// <summary>One dimension of a model's input or output.</summary>
/// <param name="Size">Elements, or -1 where each run decides.</param>
/// <param name="Name">The model's name for a size that each run decides, such as <c>batch</c>: equal names are equal sizes. Null for none.</param>
public readonly record struct OrtDimension(long Size, string? Name)
{
    public bool IsDynamic => Size < 0;

    public override string ToString() => Size >= 0 ? $"{Size}" : Name ?? "-1";
}
