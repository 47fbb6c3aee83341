namespace Gateway.Core.Execution.Devices;

/// <summary>One of the batches that a <see cref="DeviceInstance"/> has under way, as an instance of the model.</summary>
/// <remarks><b>Threading</b>: as every executor's. <b>Ownership</b>: holds the pipeline that it last ran on until it is made anew or disposed.</remarks>
internal sealed class DeviceLane(DeviceInstance instance, DevicePipeline pipeline, ExecutionPlacement placement) : IModelExecutor
{
    private DevicePipeline? _pipeline = pipeline;
    private bool _isTerminated;

    public ExecutionPlacement Placement => placement;

    public BatchOutput Execute(Batch batch) => Pipeline.Execute(batch);

    public bool TryMeasure(int rows, out long ticks)
    {
        ticks = Pipeline.Measure(rows);
        return true;
    }

    public void Prepare(int rows) => Pipeline.Prepare(rows);

    /// <summary>Lets go of the lost pipeline at once, so that its memory is free when the last lane has; the new one is the first's to make.</summary>
    public void Reload()
    {
        DevicePipeline? lost = Interlocked.Exchange(ref _pipeline, null);
        if (lost is not null) instance.Abandon(lost);
        DevicePipeline made = instance.Join();
        Volatile.Write(ref _pipeline, made);
        if (Volatile.Read(ref _isTerminated)) made.Terminate();
    }

    public void Terminate()
    {
        Volatile.Write(ref _isTerminated, true);
        Volatile.Read(ref _pipeline)?.Terminate();
    }

    public void Dispose() => instance.Leave(Interlocked.Exchange(ref _pipeline, null));

    private DevicePipeline Pipeline => Volatile.Read(ref _pipeline) ?? throw new ExecutionException("the device is lost", failure: ExecutionFailure.DeviceAway);
}
