using Gateway.Protocol.Tensors;

namespace Gateway.Core.Models.Configuration;

/// <summary>A made-up request that runs before a model counts as ready.</summary>
public sealed record ModelWarmup
{
    /// <summary>Name for logs; may be empty.</summary>
    public string Name { get; init; } = "";

    /// <summary>Rows of the request, at least 1; exactly 1 when the model has no batch dimension.</summary>
    public int BatchSize { get; init; } = 1;

    /// <summary>How many times the request runs, at least 1.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Data of each input, by input name.</summary>
    public IReadOnlyDictionary<string, WarmupInput> Inputs { get; init; } = new Dictionary<string, WarmupInput>();
}

/// <summary>Data of one input of a warm-up request.</summary>
/// <param name="DataType">Element type.</param>
/// <param name="Dims">Dimensions of one row, all of them fixed.</param>
/// <param name="Source">Where the elements come from; random strings are empty strings, as in Triton.</param>
/// <param name="DataFile">For <see cref="WarmupSource.File"/>: a file in the model's <c>warmup</c> folder, with one row's raw elements; else empty.</param>
public sealed record WarmupInput(DataType DataType, IReadOnlyList<long> Dims, WarmupSource Source, string DataFile);

/// <summary>Where warm-up data comes from.</summary>
public enum WarmupSource
{
    Zero,
    Random,
    File,
}
