using Gateway.OnnxRuntime.Values;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>A slot on a device that has done what it was told when the call returns.</summary>
internal sealed class WebGpuSlot : OnnxDeviceSlot
{
    private readonly (OrtTensorCopy There, OrtTensorCopy Back)?[] _copies;

    public WebGpuSlot(OnnxDeviceModel model)
        : base(model) => _copies = new (OrtTensorCopy, OrtTensorCopy)?[model.Layout.MaxBatchRows + 1];

    protected override void BringThere(int rows) => CopiesFor(rows).There.Run();

    protected override void BringBack(int rows) => CopiesFor(rows).Back.Run();

    protected override void Free()
    {
        foreach ((OrtTensorCopy There, OrtTensorCopy Back)? copies in _copies)
        {
            copies?.There.Dispose();
            copies?.Back.Dispose();
        }

        base.Free();
    }

    private (OrtTensorCopy There, OrtTensorCopy Back) CopiesFor(int rows) => _copies[rows] ??= (
        new OrtTensorCopy(Model.Environment, [.. Inputs.Where(side => side.Device is not null).Select(side => (OnHost(side.Host, side.Spec, rows), OnDevice(side.Device!, side.Spec, rows)))]),
        new OrtTensorCopy(Model.Environment, [.. Outputs.Where(side => side.Device is not null).Select(side => (OnDevice(side.Device!, side.Spec, rows), OnHost(side.Host, side.Spec, rows)))]));
}
