namespace Gateway.Core.Models.Configuration;

/// <summary>Writes shapes the way Triton's messages do: <c>[-1,64]</c>.</summary>
internal static class ShapeText
{
    public static string Of(IEnumerable<long> dims) => $"[{string.Join(',', dims)}]";

    /// <summary>The same with the file's names of the dimensions, where it has any: <c>[batch,64]</c>.</summary>
    public static string Of(TensorSignature tensor) =>
        $"[{string.Join(',', tensor.Dims.Select((d, i) => tensor.DimNames.ElementAtOrDefault(i) is { Length: > 0 } name ? name : d.ToString(System.Globalization.CultureInfo.InvariantCulture)))}]";
}
