using System.Text.RegularExpressions;
using Gateway.Harness.Models;

namespace Gateway.Harness.Subjects.Gpu;

/// <summary>A copy of the models to measure with, in a folder of its own, to be run by a provider of the caller's choice and in larger batches.</summary>
/// <remarks><b>Ownership</b>: disposing removes the folder.</remarks>
internal sealed partial class GpuRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-gpu-");

    /// <param name="provider"><c>webgpu</c>, <c>cuda</c>, <c>tensorrt</c> or <c>cpu</c>.</param>
    /// <param name="maxBatchSize">For all models.</param>
    /// <param name="capturesGraphs">Whether the device's work is recorded and replayed; null for the engine's own choice.</param>
    /// <param name="lanes">Batches under way at once; 0 for the engine's own choice.</param>
    public GpuRepository(string provider, int maxBatchSize, bool? capturesGraphs, int lanes, params IReadOnlyList<BenchModel> models)
    {
        foreach (BenchModel model in models)
        {
            string from = System.IO.Path.Combine(BenchModel.Repository, model.Name);
            string to = System.IO.Path.Combine(Path, model.Name);
            Directory.CreateDirectory(System.IO.Path.Combine(to, "1"));
            File.Copy(model.File, System.IO.Path.Combine(to, "1", "model.onnx"));
            string config = File.ReadAllText(System.IO.Path.Combine(from, "config.pbtxt"));
            config = MaxBatchSize().Replace(config, $"max_batch_size: {maxBatchSize}");
            config = InstanceGroups().Replace(config, Instances(provider, capturesGraphs, lanes));
            File.WriteAllText(System.IO.Path.Combine(to, "config.pbtxt"), config);
        }
    }

    public string Path => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Instances(string provider, bool? capturesGraphs, int lanes)
    {
        if (provider == "cpu") return "instance_group [ { kind: KIND_CPU count: 1 } ]";
        string graphs = capturesGraphs is { } captures ? $"cuda {{ graphs: {(captures ? "true" : "false")} }} " : "";
        string parameters = lanes > 0 ? $$""" parameters { key: "lanes" value: "{{lanes}}" }""" : "";
        return $$"""
            instance_group [ { kind: KIND_GPU count: 1 } ]
            optimization { {{graphs}}execution_accelerators { gpu_execution_accelerator [ { name: "{{provider}}"{{parameters}} } ] } }
            """;
    }

    [GeneratedRegex("max_batch_size: [0-9]+")]
    private static partial Regex MaxBatchSize();

    [GeneratedRegex(@"instance_group \[.*\]")]
    private static partial Regex InstanceGroups();
}
