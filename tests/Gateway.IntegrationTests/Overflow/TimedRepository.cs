using Gateway.TestSupport;

namespace Gateway.IntegrationTests.Overflow;

/// <summary>A repository with one model, <c>timed</c>, whose runs take 20 ms whatever is in them, at most four requests at a time: 200 requests a second.</summary>
internal sealed class TimedRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-fleet-");

    /// <param name="objectiveMilliseconds">The model's own time for requests.</param>
    /// <param name="cache">What its <c>gateway.json</c> says of the cache; null for nothing.</param>
    public TimedRepository(int objectiveMilliseconds = 150, string? cache = null)
    {
        DirectoryInfo model = _folder.CreateSubdirectory("timed");
        File.WriteAllText(Path.Combine(model.FullName, "config.pbtxt"), """
            name: "timed"
            max_batch_size: 4
            input [ { name: "x" data_type: TYPE_INT64 dims: [ 1 ] } ]
            output [ { name: "y" data_type: TYPE_INT64 dims: [ 1 ] } ]
            dynamic_batching { }
            """);
        File.WriteAllText(Path.Combine(model.FullName, "gateway.json"), $$"""{"slo_ms": {{objectiveMilliseconds}}{{(cache is null ? "" : $", \"cache\": {cache}")}}}""");
        File.WriteAllText(Path.Combine(model.CreateSubdirectory("1").FullName, "model.onnx"), TimedBackend.Script(20_000, 0));
    }

    public string Folder => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
