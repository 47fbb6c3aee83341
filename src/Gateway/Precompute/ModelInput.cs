namespace Gateway.Precompute;

/// <summary>An input as the server's metadata has it.</summary>
/// <param name="Shape">-1 stands for any size; with the batch dimension, if the model has one.</param>
internal sealed record ModelInput(string Name, string DataType, long[] Shape)
{
    /// <summary>The shape of a request's tensor that is a row of an array.</summary>
    /// <remarks>A model with a batch dimension gets it as a batch of one; of one without, the array has a dimension more than the input.</remarks>
    public long[] RowOf(long[] array) => array.Length == Shape.Length ? [1, .. array[1..]] : array[1..];
}
