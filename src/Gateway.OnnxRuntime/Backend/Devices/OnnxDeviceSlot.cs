using System.Globalization;
using Gateway.Core.Execution.Devices;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.OnnxRuntime.Environments;
using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Sessions;
using Gateway.OnnxRuntime.Values;
using Gateway.Protocol.Tensors;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>One batch's memory for a session on a device: host and device side of every tensor, and a binding for each batch size.</summary>
/// <remarks>
/// <b>Behaviour</b>: tensors that only the device touches lie there and are copied; those that a node on the CPU reads or writes stay in host memory. A tensor
/// bound from host memory would be copied once, when it is bound, and never again: so what is on the device is bound there, and copied before each run.
/// </remarks>
internal sealed unsafe class OnnxDeviceSlot : DeviceSlot
{
    private readonly OnnxDeviceModel _model;
    private readonly ModelLayout _layout;
    private readonly HostMemory[] _hostInputs;
    private readonly HostMemory[] _hostOutputs;
    private readonly OrtBuffer?[] _deviceInputs;
    private readonly OrtBuffer?[] _deviceOutputs;
    private readonly TensorShape[] _outputShapes;
    private readonly Bound?[] _bounds;
    private readonly int _index;

    public OnnxDeviceSlot(OnnxDeviceModel model, int index)
        : base(model.Layout.Outputs.Count)
    {
        _model = model;
        _layout = model.Layout;
        _index = index;
        _hostInputs = new HostMemory[_layout.Inputs.Count];
        _hostOutputs = new HostMemory[_layout.Outputs.Count];
        _deviceInputs = new OrtBuffer?[_layout.Inputs.Count];
        _deviceOutputs = new OrtBuffer?[_layout.Outputs.Count];
        _outputShapes = [.. _layout.Outputs.Select(spec => _layout.ForRows(spec.ClientDims, 1))];
        _bounds = new Bound?[_layout.MaxBatchRows + 1];
        try
        {
            for (int i = 0; i < _hostInputs.Length; i++) (_hostInputs[i], _deviceInputs[i]) = Allocate(_layout.Inputs[i], BlockOwner.InputSlab, _model.IsInputOnCpu(i));
            for (int i = 0; i < _hostOutputs.Length; i++) (_hostOutputs[i], _deviceOutputs[i]) = Allocate(_layout.Outputs[i], BlockOwner.OutputSlab, _model.IsOutputOnCpu(i));
        }
        catch
        {
            // Not by FreeMemory: whoever makes a slot holds the gate already.
            Free();
            throw;
        }
    }

    public override Span<byte> Input(int index) => _hostInputs[index].Span;

    public override void Upload(int rows) => Do(rows, static (bound, _) => bound.Upload.Run());

    public override void Run(int rows) => Do(rows, static (bound, model) => model.Session.Run(bound.Binding, bound.Options ?? model.RunOptions));

    public override void Download(int rows) => Do(rows, static (bound, _) => bound.Download.Run());

    protected override void Describe(int rows)
    {
        for (int i = 0; i < _layout.Outputs.Count; i++)
        {
            TensorSpec spec = _layout.Outputs[i];
            TensorShape shape = _outputShapes[i];
            if (_layout.IsBatching) shape[0] = rows;
            Tensors[i] = new OutputTensor { DataType = spec.DataType, Shape = shape, Address = (byte*)_hostOutputs[i].Address, ByteLength = spec.RowBytes * rows };
        }
    }

    protected override void FreeMemory() => _model.Traits.Guard(Free);

    private void Free()
    {
        foreach (Bound? bound in _bounds) bound?.Dispose();
        foreach (OrtBuffer? buffer in _deviceInputs.Concat(_deviceOutputs)) buffer?.Dispose();
        foreach (HostMemory? memory in _hostInputs.Concat(_hostOutputs)) memory?.Dispose();
    }

    private void Do(int rows, Action<Bound, OnnxDeviceModel> stage)
    {
        long errors = OrtDeviceErrors.Count;
        try
        {
            stage(_bounds[rows] ??= Bind(rows), _model);
        }
        catch (OrtException error)
        {
            throw _model.Explain(error);
        }

        // WebGPU says only in the log that a kernel did not run: what lies in the outputs then is not the model's answer.
        if (OrtDeviceErrors.Count != errors && _model.Choice.IsWebGpu) throw _model.Explain(new OrtException(OrtErrorCode.EpFail, OrtDeviceErrors.Last));
    }

    private (HostMemory Host, OrtBuffer? Device) Allocate(TensorSpec spec, BlockOwner owner, bool isOnCpu)
    {
        int bytes = checked(spec.RowBytes * _layout.MaxBatchRows);
        HostMemory host = HostMemory.Allocate(_model.Session, _model.Traits.Pinned, _model.Pool, bytes, owner);
        try
        {
            return (host, isOnCpu ? null : _model.Session.GetAllocator(_model.Traits.Memory).Allocate((nuint)Math.Max(1, bytes)));
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    private Bound Bind(int rows)
    {
        OrtIoBinding binding = _model.Session.CreateBinding();
        List<(OrtValue, OrtValue)> uploads = [];
        List<(OrtValue, OrtValue)> downloads = [];
        try
        {
            for (int i = 0; i < _hostInputs.Length; i++)
            {
                TensorSpec spec = _layout.Inputs[i];
                OrtValue host = Over(OrtMemoryInfo.Cpu, _hostInputs[i].Address, spec, rows);
                if (_deviceInputs[i] is not { } buffer)
                {
                    using (host) binding.BindInput(spec.Name, host);
                    continue;
                }

                OrtValue device = Over(_model.Traits.Memory, buffer.Data, spec, rows);
                uploads.Add((host, device));
                binding.BindInput(spec.Name, device);
            }

            for (int i = 0; i < _hostOutputs.Length; i++)
            {
                TensorSpec spec = _layout.Outputs[i];
                OrtValue host = Over(OrtMemoryInfo.Cpu, _hostOutputs[i].Address, spec, rows);
                if (_deviceOutputs[i] is not { } buffer)
                {
                    using (host) binding.BindOutput(spec.Name, host);
                    continue;
                }

                OrtValue device = Over(_model.Traits.Memory, buffer.Data, spec, rows);
                downloads.Add((device, host));
                binding.BindOutput(spec.Name, device);
            }

            return new Bound(binding, new OrtTensorCopy(_model.Environment, uploads), new OrtTensorCopy(_model.Environment, downloads), GraphOptions(rows));
        }
        catch
        {
            binding.Dispose();
            foreach ((OrtValue one, OrtValue other) in uploads.Concat(downloads))
            {
                one.Dispose();
                other.Dispose();
            }

            throw;
        }
    }

    /// <summary>A captured graph has the addresses in it: each slot and batch size needs one of its own.</summary>
    private OrtRunOptions? GraphOptions(int rows) =>
        _layout.Config.Optimization.CapturesGraphs
            ? new OrtRunOptions().ConfigEntry("gpu_graph_id", ((_index * (_layout.MaxBatchRows + 1)) + rows).ToString(CultureInfo.InvariantCulture))
            : null;

    private OrtValue Over(OrtMemoryInfo memory, nint address, TensorSpec spec, int rows) =>
        OrtValue.OverMemory(memory, address, (nuint)(spec.RowBytes * rows), _layout.ForRows(spec.ModelDims, rows).Dims, spec.DataType);

    /// <summary>What is bound for one batch size.</summary>
    private sealed record Bound(OrtIoBinding Binding, OrtTensorCopy Upload, OrtTensorCopy Download, OrtRunOptions? Options) : IDisposable
    {
        public void Dispose()
        {
            Binding.Dispose();
            Upload.Dispose();
            Download.Dispose();
            Options?.Dispose();
        }
    }
}
