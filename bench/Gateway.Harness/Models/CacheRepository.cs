using Gateway.TestSupport;

namespace Gateway.Harness.Models;

/// <summary>A copy of the models whose answers may be kept, and a folder for what the cache keeps on disk.</summary>
internal sealed class CacheRepository : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gateway-bench-");

    /// <param name="isCached">Whether the models have a cache.</param>
    public CacheRepository(bool isCached = true)
    {
        string cache = isCached ? "response_cache { enable: true }\n" : "";
        foreach (BenchModel model in new[] { BenchModel.Mlp, BenchModel.Conv, BenchModel.Heavy })
        {
            string folder = Directory.CreateDirectory(System.IO.Path.Combine(Models, model.Name, "1")).FullName;
            File.Copy(model.File, System.IO.Path.Combine(folder, "model.onnx"));
            File.WriteAllText(System.IO.Path.Combine(folder, "..", "config.pbtxt"), File.ReadAllText(System.IO.Path.Combine(BenchModel.Repository, model.Name, "config.pbtxt")) + cache);
        }

        string image = Directory.CreateDirectory(System.IO.Path.Combine(Models, BenchModel.Image.Name, "1")).FullName;
        File.WriteAllBytes(System.IO.Path.Combine(image, "model.onnx"), OnnxFile.First(BenchModel.OutputElements, [.. BenchModel.Image.InputDims.Select(dimension => (long)dimension)]));
        File.WriteAllText(System.IO.Path.Combine(image, "..", "config.pbtxt"), $"max_batch_size: {BenchModel.Image.MaxBatchSize}\ndynamic_batching {{ }}\n{cache}");
    }

    /// <summary>The folder to serve.</summary>
    public string Models => System.IO.Path.Combine(_folder.FullName, "models");

    /// <summary>Where the cache may write.</summary>
    public string Disk => System.IO.Path.Combine(_folder.FullName, "cache");

    public void Dispose() => _folder.Delete(recursive: true);
}
