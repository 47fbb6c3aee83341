using Gateway.OnnxRuntime.Cuda;
using Gateway.OnnxRuntime.Errors;

namespace Gateway.OnnxRuntime.Backend.Devices;

/// <summary>A slot on a CUDA device: its stages are put on the session's queues, each behind the one before it, and waited for together.</summary>
/// <remarks><b>Behaviour</b>: the device goes from one batch's run to the next without asking anybody, while its copy engines bring rows there and outputs back.</remarks>
internal sealed class CudaSlot : OnnxDeviceSlot
{
    private readonly CudaQueues _queues;
    private readonly CudaEvent _isThere;
    private readonly CudaEvent _begins;
    private readonly CudaEvent _hasRun;
    private readonly CudaEvent _isBack;

    public CudaSlot(OnnxDeviceModel model, CudaQueues queues)
        : base(model)
    {
        _queues = queues;
        List<CudaEvent> made = [];
        try
        {
            _queues.Use();
            for (int i = 0; i < 4; i++) made.Add(new CudaEvent());
        }
        catch
        {
            foreach (CudaEvent each in made) each.Dispose();
            base.Free();
            throw;
        }

        (_isThere, _begins, _hasRun, _isBack) = (made[0], made[1], made[2], made[3]);
    }

    public override (TimeSpan Run, TimeSpan Download) Finish()
    {
        try
        {
            _queues.Use();
            _isBack.Wait();
            return (_hasRun.Since(_begins), _isBack.Since(_hasRun));
        }
        catch (OrtException error)
        {
            throw Model.Explain(error);
        }
    }

    protected override void Settle()
    {
        try
        {
            _queues.Synchronize();
        }
        catch (OrtException)
        {
            // A device that is lost does nothing any more.
        }
    }

    protected override void BringThere(int rows)
    {
        _queues.Use();
        foreach (Side side in Inputs)
        {
            if (side.Device is { } device) _queues.Uploads.CopyToDevice(device.Data, side.Host.Address, (nuint)(side.Spec.RowBytes * rows));
        }

        _isThere.Record(_queues.Uploads);
    }

    protected override void RunThere(int rows)
    {
        _queues.Runs.WaitFor(_isThere);
        _begins.Record(_queues.Runs);
        base.RunThere(rows);
        _hasRun.Record(_queues.Runs);
    }

    protected override void BringBack(int rows)
    {
        _queues.Downloads.WaitFor(_hasRun);
        foreach (Side side in Outputs)
        {
            if (side.Device is { } device) _queues.Downloads.CopyToHost(side.Host.Address, device.Data, (nuint)(side.Spec.RowBytes * rows));
        }

        _isBack.Record(_queues.Downloads);
    }

    protected override void Free()
    {
        foreach (CudaEvent each in new[] { _isThere, _begins, _hasRun, _isBack }) each.Dispose();
        base.Free();
    }
}
