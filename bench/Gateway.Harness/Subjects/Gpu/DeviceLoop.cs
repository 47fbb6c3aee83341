using System.Runtime.InteropServices;
using Gateway.Harness.Models;
using Gateway.OnnxRuntime.Backend;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Harness.Subjects.Gpu;

/// <summary>A model on a device with nothing around it, and the ways in which a batch can be brought there and back. Its host memory is page-locked where the provider has such memory.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Ownership</b>: the caller disposes it.</remarks>
internal sealed unsafe class DeviceLoop : IDisposable
{
    private static readonly OrtEnvironment Environment = OrtEnvironment.Open(NullLogger.Instance, OnnxRuntimeBackend.SharedPools);

    private static readonly Dictionary<string, string> AsTheGateway = new() { ["cudnn_conv_algo_search"] = "HEURISTIC" };

    private readonly OrtSession _session;
    private readonly List<IDisposable> _owned = [];
    private readonly List<nint> _memory = [];

    private readonly OrtMemoryInfo? _pinned;
    private readonly OrtValue _hostInput;
    private readonly OrtIoBinding _boundOnce;
    private readonly OrtIoBinding _boundAnew;
    private readonly OrtIoBinding _onDevice;
    private readonly OrtTensorCopy _upload;
    private readonly OrtTensorCopy _download;

    /// <param name="provider">As ONNX Runtime calls it.</param>
    /// <param name="settings">The provider's own; null for those that the gateway gives it.</param>
    public DeviceLoop(BenchModel model, string provider, int rows, IReadOnlyDictionary<string, string>? settings = null)
    {
        bool isWebGpu = provider.Equals(OrtProviders.WebGpu, StringComparison.OrdinalIgnoreCase);
        using OrtSessionOptions options = new();
        options.GraphOptimization(OrtGraphOptimization.All).IntraOpThreads(1).Spinning(false).AddProvider(provider, settings ?? (isWebGpu ? null : AsTheGateway));
        _session = OrtSession.Load(Environment, model.File, options);
        OrtMemoryInfo device = isWebGpu ? OrtMemoryInfo.WebGpu() : OrtMemoryInfo.Cuda();
        _pinned = isWebGpu ? null : OrtMemoryInfo.CudaPinned();
        long[] inputShape = [rows, .. model.InputDims];
        long[] outputShape = [rows, model.OutputBytes / sizeof(float)];

        _hostInput = Own(Host(inputShape));
        model.RandomRows(rows).CopyTo(new Span<byte>((void*)_hostInput.Data, (int)_hostInput.ByteLength));
        OrtValue hostOutput = Own(Host(outputShape));
        OrtValue deviceInput = Own(OnDevice(device, inputShape));
        OrtValue deviceOutput = Own(OnDevice(device, outputShape));
        _upload = new OrtTensorCopy(Environment, [(_hostInput, deviceInput)]);
        _download = new OrtTensorCopy(Environment, [(deviceOutput, hostOutput)]);

        _boundOnce = Binding(deviceInput, hostOutput);
        _boundAnew = Binding(_hostInput, hostOutput);
        _onDevice = Binding(deviceInput, deviceOutput);
        _upload.Run();
    }

    /// <summary>Opens ONNX Runtime for the life of the process: with its last environment it would close the device, and a driver that is closed and opened again and again is a risk.</summary>
    public static OrtEnvironment KeepOpen() => Environment;

    /// <summary>The bare loop: inputs lie on the device already; outputs come back.</summary>
    public void Run() => _session.Run(_boundOnce);

    /// <summary>Inputs are bound from host memory each time, which copies them.</summary>
    public void BindAndRun()
    {
        _boundAnew.BindInput(BenchModel.InputName, _hostInput);
        _session.Run(_boundAnew);
    }

    /// <summary>Inputs are copied to where they are bound; outputs come back with the run.</summary>
    public void CopyAndRun()
    {
        _upload.Run();
        _session.Run(_boundOnce);
    }

    /// <summary>Inputs are copied to where they are bound, outputs from where they are.</summary>
    /// <returns>Timestamps before, between and after the three stages.</returns>
    public (long Start, long Uploaded, long Ran, long Downloaded) Stages(TimeProvider time)
    {
        long start = time.GetTimestamp();
        _upload.Run();
        long uploaded = time.GetTimestamp();
        _session.Run(_onDevice);
        long ran = time.GetTimestamp();
        _download.Run();
        return (start, uploaded, ran, time.GetTimestamp());
    }

    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--) _owned[i].Dispose();
        _session.Dispose();
        foreach (nint memory in _memory) NativeMemory.AlignedFree((void*)memory);
    }

    private T Own<T>(T value)
        where T : IDisposable
    {
        _owned.Add(value);
        return value;
    }

    private OrtValue Host(long[] shape)
    {
        nuint bytes = (nuint)(shape.Aggregate(1L, (product, size) => product * size) * sizeof(float));
        nint memory;
        if (_pinned is not null)
        {
            memory = Own(_session.GetAllocator(_pinned).Allocate(bytes)).Data;
        }
        else
        {
            memory = (nint)NativeMemory.AlignedAlloc(bytes, (nuint)System.Environment.SystemPageSize);
            _memory.Add(memory);
        }

        return OrtValue.OverMemory(OrtMemoryInfo.Cpu, memory, bytes, shape, DataType.Fp32);
    }

    private OrtValue OnDevice(OrtMemoryInfo device, long[] shape)
    {
        nuint bytes = (nuint)(shape.Aggregate(1L, (product, size) => product * size) * sizeof(float));
        return OrtValue.OverMemory(device, Own(_session.GetAllocator(device).Allocate(bytes)).Data, bytes, shape, DataType.Fp32);
    }

    private OrtIoBinding Binding(OrtValue input, OrtValue output)
    {
        OrtIoBinding binding = Own(_session.CreateBinding());
        binding.BindInput(BenchModel.InputName, input);
        binding.BindOutput(BenchModel.OutputName, output);
        return binding;
    }
}
