using Gateway.TestSupport;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A repository with one model, <c>timed</c> unless said otherwise, whose runs take as long whatever is in them, at most four requests at a time: with 20 ms 200 requests a second.</summary>
internal sealed class TimedRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-fleet-");

    /// <param name="objectiveMilliseconds">The model's own time for requests; 0 for none.</param>
    /// <param name="cache">What its <c>gateway.json</c> says of the cache; null for nothing.</param>
    /// <param name="runMilliseconds">What each run takes.</param>
    /// <param name="width">Numbers in a row.</param>
    /// <param name="name">The model's.</param>
    public TimedRepository(int objectiveMilliseconds = 150, string? cache = null, int runMilliseconds = 20, int width = 1, string name = "timed")
    {
        DirectoryInfo model = _folder.CreateSubdirectory(name);
        File.WriteAllText(Path.Combine(model.FullName, "config.pbtxt"), $$"""
            name: "{{name}}"
            max_batch_size: 4
            input [ { name: "x" data_type: TYPE_INT64 dims: [ {{width}} ] } ]
            output [ { name: "y" data_type: TYPE_INT64 dims: [ {{width}} ] } ]
            dynamic_batching { }
            """);
        File.WriteAllText(Path.Combine(model.FullName, "gateway.json"), $"{{{string.Join(", ", Members(objectiveMilliseconds, cache))}}}");
        File.WriteAllText(Path.Combine(model.CreateSubdirectory("1").FullName, "model.onnx"), TimedBackend.Script(1000 * runMilliseconds, 0, width));
    }

    public string Folder => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);

    private static IEnumerable<string> Members(int objectiveMilliseconds, string? cache)
    {
        if (objectiveMilliseconds > 0) yield return $"\"slo_ms\": {objectiveMilliseconds}";
        if (cache is not null) yield return $"\"cache\": {cache}";
    }
}
