namespace Gateway.Core.Execution.Devices;

/// <summary>An instance of a model on a device, through the loss of that device: its lanes, and the pipeline that they share at present.</summary>
/// <remarks>
/// <b>Behaviour</b>: when a device is lost, each lane, and those of other instances on the same session, find that out by their own next run (<see cref="DeviceLoss"/>) and come for a new pipeline; the first to come makes it once
/// every lane has let go of the old one, which is closed by then. <b>Threading</b>: any; one lane makes the pipeline while others wait or are told to come again.
/// <b>Ownership</b>: a pipeline is held by this while it is the present one, and by each lane that runs on it; the last to let go closes it.
/// </remarks>
/// <param name="lanes">Batches under way at once.</param>
/// <param name="create">Loads what is needed and makes a pipeline of so many lanes.</param>
public sealed class DeviceInstance(int lanes, Func<DevicePipeline> create)
{
    private readonly Lock _lock = new();
    private DevicePipeline? _current;
    private DevicePipeline? _lost;
    private int _lanesGone;

    /// <summary>One executor for each lane.</summary>
    /// <exception cref="ExecutionException">As of what makes the pipeline; it may throw others too.</exception>
    public IModelExecutor[] CreateLanes(ExecutionPlacement placement) => [.. Enumerable.Range(0, lanes).Select(_ => new DeviceLane(this, Join(), placement))];

    /// <summary>A lane has found its pipeline's device lost, and lets go of it.</summary>
    internal void Abandon(DevicePipeline pipeline)
    {
        lock (_lock)
        {
            if (ReferenceEquals(pipeline, _current))
            {
                _current = null;
                _lost = pipeline;
                pipeline.LetGo();
            }
        }

        pipeline.LetGo();
    }

    /// <summary>The pipeline to run on, held for the lane.</summary>
    /// <exception cref="ModelLoadException">Other lanes still hold the old one, or the device is not back.</exception>
    internal DevicePipeline Join()
    {
        lock (_lock)
        {
            if (_current is null)
            {
                if (_lost is { IsClosed: false }) throw new ModelLoadException("batches are still under way on the device that was lost");
                DevicePipeline made = create();
                try
                {
                    foreach (int rows in (_lost?.SizesRun ?? []).Order()) Prepare(made, rows);
                }
                catch
                {
                    made.LetGo();
                    throw;
                }

                _current = made;
            }

            _current.Hold();
            return _current;
        }
    }

    /// <summary>Runs a size once, as before the loss. One that there is no memory for any more, others having taken it meanwhile, is left for the batch that wants it, which then is made smaller; but not the smallest.</summary>
    private static void Prepare(DevicePipeline made, int rows)
    {
        try
        {
            made.Prepare(rows);
        }
        catch (ExecutionException error) when (error.Failure == ExecutionFailure.OutOfMemory && made.SizesRun.Count > 0)
        {
            // Its first batch is the next to find out.
        }
    }

    /// <summary>A lane is gone for good.</summary>
    /// <param name="held">What it runs on; null for a lane whose device is lost.</param>
    internal void Leave(DevicePipeline? held)
    {
        held?.LetGo();
        lock (_lock)
        {
            if (++_lanesGone < lanes) return;
            _current?.LetGo();
            _current = null;
        }
    }
}
