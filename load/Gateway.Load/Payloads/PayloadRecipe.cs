namespace Gateway.Load.Payloads;

/// <summary>Where the payloads of a step come from.</summary>
internal sealed record PayloadRecipe
{
    /// <summary>Different payloads made, at least 1. More than a cache holds, or as many as there are keys.</summary>
    public int Distinct { get; init; } = 64;

    /// <summary>Rows of each request, where the model's first dimension is free.</summary>
    public int Rows { get; init; } = 1;

    /// <summary>Whole shapes, by the input's name, for what the model leaves free.</summary>
    public IReadOnlyDictionary<string, long[]> Shapes { get; init; } = new Dictionary<string, long[]>();

    /// <summary>Least and most of the random numbers, by the input's name; <c>*</c> for all.</summary>
    public IReadOnlyDictionary<string, (double Least, double Most)> Ranges { get; init; } = new Dictionary<string, (double, double)>();

    /// <summary>Requests as the Open Inference Protocol has them in JSON, one a file; for a plain target any bytes. None: random ones.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>A trace whose lines have inputs; null for none.</summary>
    public Trace? Trace { get; init; }

    /// <summary>0: all are as popular. Above: the k-th most popular comes in proportion to k to the minus this (Zipf); web caches see 0.6 to 1.</summary>
    public double ZipfExponent { get; init; }
}
