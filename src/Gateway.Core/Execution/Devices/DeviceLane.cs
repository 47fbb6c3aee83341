namespace Gateway.Core.Execution.Devices;

/// <summary>One of the batches that a <see cref="DevicePipeline"/> has under way, as an instance of the model.</summary>
internal sealed class DeviceLane(DevicePipeline pipeline, ExecutionPlacement placement) : IModelExecutor
{
    public ExecutionPlacement Placement => placement;

    public BatchOutput Execute(Batch batch) => pipeline.Execute(batch);

    public bool TryMeasure(int rows, out long ticks)
    {
        ticks = pipeline.Measure(rows);
        return true;
    }

    public void Terminate() => pipeline.Terminate();

    public void Dispose() => pipeline.CloseLane();
}
