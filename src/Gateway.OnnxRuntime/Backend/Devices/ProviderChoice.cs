using System.Globalization;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>One way to run a model: the providers that a session gets together, the one preferred first.</summary>
/// <param name="Name">The first provider's, as configurations spell it; <see cref="ExecutionAccelerator.Cpu"/> for none.</param>
/// <param name="Providers">ONNX Runtime's names and options; empty for the CPU.</param>
/// <param name="Gpu">Number of the device; 0 for the CPU.</param>
/// <param name="Lanes">Batches under way at once on one instance; null for as many as the device is made for.</param>
internal sealed record ProviderChoice(string Name, IReadOnlyList<(string Name, IReadOnlyDictionary<string, string> Options)> Providers, int Gpu, int? Lanes = null)
{
    /// <summary>CUDA's option with the bytes that its arena may have.</summary>
    public const string GpuMemLimit = "gpu_mem_limit";

    public static ProviderChoice Cpu { get; } = new(ExecutionAccelerator.Cpu, [], 0);

    public bool IsCpu => Providers.Count == 0;

    public bool IsWebGpu => Name == ExecutionAccelerator.WebGpu;

    /// <summary>Bytes that the model lets CUDA's arena have; null where it says nothing of it, or the provider has no such setting.</summary>
    public long? ArenaLimit => Providers.Where(provider => provider.Name == OrtProviders.Cuda && provider.Options.ContainsKey(GpuMemLimit))
        .Select(provider => long.TryParse(provider.Options[GpuMemLimit], NumberStyles.None, CultureInfo.InvariantCulture, out long bytes) ? bytes : (long?)null).FirstOrDefault();

    /// <summary>The same, with no more than so many bytes for CUDA's arena where the model says nothing of it.</summary>
    public ProviderChoice Within(long bytes) => ArenaLimit is not null ? this : this with
    {
        Providers = [.. Providers.Select(provider => provider.Name != OrtProviders.Cuda
            ? provider
            : (provider.Name, (IReadOnlyDictionary<string, string>)new Dictionary<string, string>(provider.Options) { [GpuMemLimit] = bytes.ToString(CultureInfo.InvariantCulture) }))],
    };

    /// <summary>For people.</summary>
    public string Device => IsCpu ? "CPU" : IsWebGpu ? "WebGPU" : $"GPU {Gpu} ({string.Join(" + ", Providers.Select(provider => provider.Name))})";

    /// <summary>Whether CUDA's own kernels run all of it that a device runs.</summary>
    public bool IsCudaAlone => Providers is [(OrtProviders.Cuda, _)];

    /// <summary>Adds the providers to a session's options.</summary>
    /// <exception cref="Errors.OrtProviderException">One cannot be had; the message says what is missing.</exception>
    public void AddTo(OrtSessionOptions options, DeviceTraits traits)
    {
        traits.Queues?.KeepBy(options);
        foreach ((string name, IReadOnlyDictionary<string, string> settings) in Providers)
        {
            Dictionary<string, string> all = new(settings);
            foreach ((string key, string value) in traits.Queues?.Settings ?? new Dictionary<string, string>()) all[key] = value;
            if (traits.RecordsGraphs && name == OrtProviders.Cuda) all["enable_cuda_graph"] = "1";
            if (traits.RecordsGraphs && name == OrtProviders.WebGpu) all["enableGraphCapture"] = "1";
            options.AddProvider(name, all);
        }
    }
}
