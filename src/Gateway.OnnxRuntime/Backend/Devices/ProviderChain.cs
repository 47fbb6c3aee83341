using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>What an instance group asks to be run on, in the order in which it is tried.</summary>
/// <remarks>
/// <b>Behaviour</b>: <c>KIND_CPU</c> is the CPU. <c>KIND_GPU</c> is the accelerators that the model names, or CUDA: TensorRT and CUDA go into one session
/// together, as in Triton, CUDA taking what TensorRT cannot; <c>webgpu</c> and <c>cpu</c> are alternatives, each tried when all before it cannot be had.
/// Without <c>cpu</c> at its end the chain never falls back to the CPU. <c>KIND_AUTO</c> ends at the CPU by itself, and tries a GPU where accelerators or
/// GPUs are named, or the files of the CUDA provider are there.
/// </remarks>
internal static class ProviderChain
{
    /// <exception cref="ModelLoadException">The group asks for a device that a provider does not have.</exception>
    public static IReadOnlyList<ProviderChoice> For(ModelConfig config, InstanceGroup group)
    {
        if (group.Kind == InstanceKind.Cpu) return [ProviderChoice.Cpu];
        int gpu = group.Gpus.Count > 0 ? group.Gpus[0] : 0;
        IReadOnlyList<ExecutionAccelerator> accelerators = config.Optimization.GpuAccelerators;
        List<ProviderChoice> chain = [];
        if (accelerators.Count > 0)
        {
            AddAccelerators(chain, config, accelerators, gpu);
        }
        else if (group.Kind == InstanceKind.Gpu || OrtProviders.HasFilesOf(OrtProviders.Cuda))
        {
            chain.Add(Nvidia(config, [], gpu));
        }

        if (group.Kind == InstanceKind.Auto && chain.All(choice => !choice.IsCpu)) chain.Add(ProviderChoice.Cpu);
        return chain;
    }

    private static void AddAccelerators(List<ProviderChoice> chain, ModelConfig config, IReadOnlyList<ExecutionAccelerator> accelerators, int gpu)
    {
        ExecutionAccelerator[] nvidia = [.. accelerators.Where(IsNvidia)];
        foreach (ExecutionAccelerator accelerator in accelerators)
        {
            if (accelerator.Name == ExecutionAccelerator.Cpu)
            {
                chain.Add(ProviderChoice.Cpu);
            }
            else if (accelerator.Name == ExecutionAccelerator.WebGpu)
            {
                // Its one context is opened for the first session, on the adapter that the driver prefers; later sessions get the same.
                if (gpu != 0) throw new ModelLoadException($"WebGPU runs on one device, which has number 0: it has no GPU {gpu}");
                chain.Add(new ProviderChoice(ExecutionAccelerator.WebGpu, [(OrtProviders.WebGpu, accelerator.ProviderOptions)], 0, accelerator.Lanes));
            }
            else if (ReferenceEquals(accelerator, nvidia[0]))
            {
                chain.Add(Nvidia(config, nvidia, gpu));
            }
        }
    }

    private static bool IsNvidia(ExecutionAccelerator accelerator) => accelerator.Name is ExecutionAccelerator.TensorRt or ExecutionAccelerator.Cuda;

    /// <summary>As in Triton, CUDA stands behind TensorRT for what that cannot run, and is the provider of a GPU instance that names none.</summary>
    private static ProviderChoice Nvidia(ModelConfig config, ExecutionAccelerator[] named, int gpu)
    {
        List<(string, IReadOnlyDictionary<string, string>)> providers = [];
        foreach (ExecutionAccelerator accelerator in named)
        {
            bool isCuda = accelerator.Name == ExecutionAccelerator.Cuda;
            Dictionary<string, string> options = new(accelerator.ProviderOptions) { ["device_id"] = Number(gpu) };
            if (isCuda) AddCuda(options, config);
            providers.Add((isCuda ? OrtProviders.Cuda : OrtProviders.TensorRt, options));
        }

        if (named.All(accelerator => accelerator.Name != ExecutionAccelerator.Cuda))
        {
            Dictionary<string, string> options = new() { ["device_id"] = Number(gpu) };
            AddCuda(options, config);
            providers.Add((OrtProviders.Cuda, options));
        }

        return new ProviderChoice(named.Length > 0 ? named[0].Name : ExecutionAccelerator.Cuda, providers, gpu, named.Select(accelerator => accelerator.Lanes).FirstOrDefault(lanes => lanes is not null));
    }

    /// <summary>Triton's older top-level parameters win over the accelerator's.</summary>
    private static void AddCuda(Dictionary<string, string> options, ModelConfig config)
    {
        foreach ((string key, string value) in config.OnnxRuntime.CudaProviderOptions) options[key] = value;

        // The provider's own default tries all algorithms for each convolution, and again when a batch has another size than the last one: the first run of a size took 4 to 9 times as
        // long, and what it found was 6 to 23 % slower (H200, cuDNN 9; bench/results, gpu-cuda, "searches").
        options.TryAdd("cudnn_conv_algo_search", "HEURISTIC");
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
