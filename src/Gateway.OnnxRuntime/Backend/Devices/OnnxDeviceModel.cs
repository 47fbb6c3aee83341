using Gateway.Core.Execution;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Sessions;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>One instance of a model of fixed shapes on a device: its session, and what its slots share.</summary>
/// <remarks><b>Threading</b>: made by one thread. <b>Ownership</b>: its pipeline holds the session.</remarks>
internal sealed class OnnxDeviceModel
{
    private readonly bool[] _inputsOnCpu;
    private readonly bool[] _outputsOnCpu;
    private readonly LoadedSession _loaded;

    public OnnxDeviceModel(OrtEnvironment environment, ModelLayout layout, LoadedSession loaded, ProviderChoice choice, BlockPool pool)
    {
        Environment = environment;
        Layout = layout;
        _loaded = loaded;
        Traits = loaded.Traits!;
        Choice = choice;
        Pool = pool;
        RunOptions = NewRunOptions();
        _inputsOnCpu = Arrange(Session.Inputs, Session.ReadInputsOnCpu(), layout.Inputs);
        _outputsOnCpu = Arrange(Session.Outputs, Session.ReadOutputsOnCpu(), layout.Outputs);
    }

    public OrtEnvironment Environment { get; }

    public ModelLayout Layout { get; }

    public OrtSession Session => _loaded.Session;

    public ProviderChoice Choice { get; }

    public DeviceTraits Traits { get; }

    public BlockPool Pool { get; }

    public OrtRunOptions RunOptions { get; }

    /// <summary>Makes its pipeline, once.</summary>
    /// <exception cref="OrtException">The device has not enough memory, or cannot be copied to.</exception>
    public DevicePipeline CreatePipeline(TimeProvider time)
    {
        _loaded.Hold();
        return new DevicePipeline(Layout, Traits.Orders, Choice.Lanes ?? Traits.Orders.Lanes, () => Traits.Guard(CreateSlot), time, RunOptions.Terminate, Close, _loaded.Loss);
    }

    public bool IsInputOnCpu(int index) => _inputsOnCpu[index];

    public bool IsOutputOnCpu(int index) => _outputsOnCpu[index];

    /// <summary>Where there are queues a run returns when the device has been told all of it, and what comes after it waits there.</summary>
    public OrtRunOptions NewRunOptions() => Traits.Queues is null ? new OrtRunOptions() : new OrtRunOptions().ConfigEntry("disable_synchronize_execution_providers", "1");

    public ExecutionException Explain(OrtException error) => RunFailures.Explain(error, RunOptions.IsTerminated);

    private void Close()
    {
        RunOptions.Dispose();
        _loaded.LetGo();
    }

    private DeviceSlot CreateSlot() => Traits.Queues is null ? new WebGpuSlot(this) : new CudaSlot(this, Traits.Queues);

    /// <summary>From the file's order of tensors to the layout's, which may have fewer.</summary>
    private static bool[] Arrange(IReadOnlyList<Values.OrtValueInfo> infos, bool[] onCpu, IReadOnlyList<TensorSpec> specs)
    {
        Dictionary<string, bool> byName = infos.Zip(onCpu).ToDictionary(each => each.First.Name, each => each.Second);
        return [.. specs.Select(spec => byName[spec.Name])];
    }
}
