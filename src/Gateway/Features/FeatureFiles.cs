using Gateway.Core.Features.Configuration;
using Gateway.Files;

namespace Gateway.Features;

/// <summary>Opens files with rows: CSV, NumPy's <c>.npz</c>, or JSON lines.</summary>
internal static class FeatureFiles
{
    /// <exception cref="InvalidDataException">It does not fit the view, or is of no kind that is read.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static IFeatureSource Open(string file, FeatureViewConfig config) => Path.GetExtension(file) switch
    {
        ".csv" => new CsvSource(Lines(file), config),
        ".npz" => new ArrayRowSource(file, config),
        ".jsonl" or ".ndjson" or ".json" => new JsonRowSource(Lines(file), config),
        var other => throw new InvalidDataException($"'{other}' is no kind of file that is read here (allowed .csv, .npz, .jsonl)"),
    };

    private static LineReader Lines(string file) => new(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0));
}
