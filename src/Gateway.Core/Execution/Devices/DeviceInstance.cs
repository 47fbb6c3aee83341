namespace Gateway.Core.Execution.Devices;

/// <summary>An instance of a model on a device, through the loss of that device: its lanes, and the pipeline that they share at present.</summary>
/// <remarks>
/// <b>Behaviour</b>: when a device is lost, each lane finds that out for itself, on its own run, and comes for a new pipeline; the first to come makes it once
/// every lane has let go of the old one, which is closed by then. <b>Threading</b>: any; one lane makes the pipeline while others wait or are told to come again.
/// </remarks>
/// <param name="lanes">Batches under way at once.</param>
/// <param name="create">Loads what is needed and makes a pipeline of so many lanes.</param>
public sealed class DeviceInstance(int lanes, Func<DevicePipeline> create)
{
    private readonly Lock _lock = new();
    private DevicePipeline? _current;
    private int _onOld;

    /// <summary>One executor for each lane.</summary>
    /// <exception cref="ExecutionException">As of what makes the pipeline; it may throw others too.</exception>
    public IModelExecutor[] CreateLanes(ExecutionPlacement placement)
    {
        lock (_lock) _current = create();
        return [.. Enumerable.Range(0, lanes).Select(_ => new DeviceLane(this, _current, placement))];
    }

    /// <summary>A lane has found its pipeline's device lost.</summary>
    internal void Abandon(DevicePipeline lost)
    {
        lock (_lock)
        {
            if (ReferenceEquals(lost, _current))
            {
                _current = null;
                _onOld = lanes;
                lost.Lose();
            }

            _onOld--;
        }

        lost.CloseLane();
    }

    /// <summary>The pipeline to run on.</summary>
    /// <exception cref="ModelLoadException">Other lanes still hold the old one, or the device is not back.</exception>
    internal DevicePipeline Join()
    {
        lock (_lock)
        {
            if (_current is not null) return _current;
            if (_onOld > 0) throw new ModelLoadException($"{_onOld} batches are still under way on the device that was lost");
            return _current = create();
        }
    }
}
