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
internal abstract unsafe class OnnxDeviceSlot : DeviceSlot
{
    private readonly ModelLayout _layout;
    private readonly TensorShape[] _outputShapes;
    private readonly Bound?[] _bounds;
    private readonly int _number;

    protected OnnxDeviceSlot(OnnxDeviceModel model)
        : base(model.Layout.Outputs.Count)
    {
        Model = model;
        _layout = model.Layout;
        _number = model.Traits.NumberSlot();
        Inputs = new Side[_layout.Inputs.Count];
        Outputs = new Side[_layout.Outputs.Count];
        _outputShapes = [.. _layout.Outputs.Select(spec => _layout.ForRows(spec.ClientDims, 1))];
        _bounds = new Bound?[_layout.MaxBatchRows + 1];
        try
        {
            for (int i = 0; i < Inputs.Length; i++) Inputs[i] = Allocate(_layout.Inputs[i], BlockOwner.InputSlab, model.IsInputOnCpu(i));
            for (int i = 0; i < Outputs.Length; i++) Outputs[i] = Allocate(_layout.Outputs[i], BlockOwner.OutputSlab, model.IsOutputOnCpu(i));
        }
        catch
        {
            FreeTensors();
            throw;
        }
    }

    protected OnnxDeviceModel Model { get; }

    protected Side[] Inputs { get; }

    protected Side[] Outputs { get; }

    public sealed override Span<byte> Input(int index) => Inputs[index].Host.Span;

    public sealed override void Upload(int rows) => Do(rows, static (slot, rows) => slot.BringThere(rows));

    public sealed override void Run(int rows) => Do(rows, static (slot, rows) => slot.RunThere(rows));

    public sealed override void Download(int rows) => Do(rows, static (slot, rows) => slot.BringBack(rows));

    protected abstract void BringThere(int rows);

    protected virtual void RunThere(int rows)
    {
        Bound bound = BoundFor(rows);
        Model.Session.Run(bound.Binding, bound.Options ?? Model.RunOptions);
    }

    protected abstract void BringBack(int rows);

    protected sealed override void Describe(int rows)
    {
        for (int i = 0; i < _layout.Outputs.Count; i++)
        {
            TensorSpec spec = _layout.Outputs[i];
            TensorShape shape = _outputShapes[i];
            if (_layout.IsBatching) shape[0] = rows;
            Tensors[i] = new OutputTensor { DataType = spec.DataType, Shape = shape, Address = (byte*)Outputs[i].Host.Address, ByteLength = spec.RowBytes * rows };
        }
    }

    protected sealed override void FreeMemory() => Model.Traits.Guard(Free);

    /// <summary>Under the device's gate, where it has one.</summary>
    protected virtual void Free() => FreeTensors();

    /// <summary>A tensor of a batch of so many rows on the device.</summary>
    protected OrtValue OnDevice(OrtBuffer buffer, TensorSpec spec, int rows) => Over(Model.Traits.Memory, buffer.Data, spec, rows);

    /// <summary>A tensor of a batch of so many rows in host memory.</summary>
    protected OrtValue OnHost(HostMemory memory, TensorSpec spec, int rows) => Over(OrtMemoryInfo.Cpu, memory.Address, spec, rows);

    private protected void Do(int rows, Action<OnnxDeviceSlot, int> stage)
    {
        long errors = OrtDeviceErrors.Count;
        try
        {
            stage(this, rows);
        }
        catch (OrtException error)
        {
            throw Model.Explain(error);
        }

        // WebGPU says only in the log that a kernel did not run: what lies in the outputs then is not the model's answer.
        if (OrtDeviceErrors.Count != errors && Model.Choice.IsWebGpu) throw Model.Explain(new OrtException(OrtErrorCode.EpFail, OrtDeviceErrors.Last));
    }

    private void FreeTensors()
    {
        foreach (Bound? bound in _bounds) bound?.Dispose();
        foreach (Side side in Inputs.Concat(Outputs))
        {
            side.Device?.Dispose();
            side.Host?.Dispose();
        }
    }

    private Side Allocate(TensorSpec spec, BlockOwner owner, bool isOnCpu)
    {
        int bytes = checked(spec.RowBytes * _layout.MaxBatchRows);
        bool isPinned = owner == BlockOwner.InputSlab ? _layout.Config.Optimization.InputPinnedMemory : _layout.Config.Optimization.OutputPinnedMemory;
        HostMemory host = HostMemory.Allocate(Model.Session, isPinned ? Model.Traits.Pinned : null, Model.Pool, bytes, owner);
        try
        {
            return new Side(spec, host, isOnCpu ? null : Model.Session.GetAllocator(Model.Traits.Memory).Allocate((nuint)Math.Max(1, bytes)));
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    private Bound BoundFor(int rows) => _bounds[rows] ??= Bind(rows);

    private Bound Bind(int rows)
    {
        OrtIoBinding binding = Model.Session.CreateBinding();
        try
        {
            foreach (Side side in Inputs)
            {
                using OrtValue value = side.Device is null ? OnHost(side.Host, side.Spec, rows) : OnDevice(side.Device, side.Spec, rows);
                binding.BindInput(side.Spec.Name, value);
            }

            foreach (Side side in Outputs)
            {
                using OrtValue value = side.Device is null ? OnHost(side.Host, side.Spec, rows) : OnDevice(side.Device, side.Spec, rows);
                binding.BindOutput(side.Spec.Name, value);
            }

            return new Bound(binding, GraphOptions(rows));
        }
        catch
        {
            binding.Dispose();
            throw;
        }
    }

    /// <summary>A captured graph has the addresses in it: each slot and batch size needs one of its own.</summary>
    private OrtRunOptions? GraphOptions(int rows) => Model.Traits.RecordsGraphs
        ? Model.NewRunOptions().ConfigEntry("gpu_graph_id", ((_number * (_layout.MaxBatchRows + 1)) + rows).ToString(CultureInfo.InvariantCulture))
        : null;

    private OrtValue Over(OrtMemoryInfo memory, nint address, TensorSpec spec, int rows) =>
        OrtValue.OverMemory(memory, address, (nuint)(spec.RowBytes * rows), _layout.ForRows(spec.ModelDims, rows).Dims, spec.DataType);

    /// <summary>Both sides of a tensor, with room for the largest batch.</summary>
    /// <param name="Device">Null for one that a node on the CPU reads or writes.</param>
    protected readonly record struct Side(TensorSpec Spec, HostMemory Host, OrtBuffer? Device);

    /// <summary>What is bound for one batch size.</summary>
    private sealed record Bound(OrtIoBinding Binding, OrtRunOptions? Options) : IDisposable
    {
        public void Dispose()
        {
            Binding.Dispose();
            Options?.Dispose();
        }
    }
}
