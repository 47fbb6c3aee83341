using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Gateway.Core.Execution;

namespace Gateway.Core.Models;

/// <summary>What a measurement holds for: these files, run in this way, on this device of this machine.</summary>
/// <param name="Text">All of it, for people and to compare.</param>
internal sealed record ProfileKey(string Text)
{
    /// <summary>Name of the file that a measurement with this key is kept in.</summary>
    public string FileName => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Text))) + ".json";

    /// <param name="files">See <see cref="ModelDigest.OfFiles"/>; and what the backend is, the processor, GPUs and driver among it: <see cref="ILoadedModel.Identity"/>.</param>
    public static ProfileKey Of(ModelSource source, byte[] files, ExecutionPlacement placement, int maxBatchRows, IReadOnlyList<int> sizes)
    {
        string hash = Convert.ToHexStringLower(files);

        // The driver may be named by the environment: the same machine's software device is another device.
        string driver = Environment.GetEnvironmentVariable("VK_DRIVER_FILES") ?? "";
        string options = string.Join(
            ';', source.Declared?.Optimization.GpuAccelerators.SelectMany(one => one.ProviderOptions).Concat(source.Declared.OnnxRuntime.CudaProviderOptions).Select(option => $"{option.Key}={option.Value}") ?? []);
        return new ProfileKey(string.Create(
            CultureInfo.InvariantCulture,
            $"{hash} on {placement.Provider}, {placement.Device}, {driver}, {options}, {source.Declared?.Optimization.GraphOptimization}, graphs {source.Declared?.Optimization.CapturesGraphs}; {Environment.MachineName}; up to {maxBatchRows}: {string.Join(' ', sizes)}"));
    }
}
