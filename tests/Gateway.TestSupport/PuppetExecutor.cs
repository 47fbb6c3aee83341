using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;

namespace Gateway.TestSupport;

/// <summary>An instance whose batches end when the test says so, and as it says.</summary>
/// <remarks>A run that is terminated fails, and so do all later ones.</remarks>
public sealed class PuppetExecutor(PuppetStage stage, ModelLayout layout, BlockPool pool, TimeProvider time) : IModelExecutor
{
    private readonly Lock _lock = new();
    private PuppetRun? _running;
    private bool _isTerminated;

    public BatchOutput Execute(Batch batch)
    {
        PuppetRun run = new(batch, layout);
        lock (_lock)
        {
            if (_isTerminated) throw new ExecutionException("terminated");
            _running = run;
        }

        batch.RunStart = time.GetTimestamp();
        stage.Enter(run);
        try
        {
            BlockOutput.Tensor[] outputs = run.Wait();
            batch.RunEnd = time.GetTimestamp();
            return BlockOutput.Of(pool, outputs);
        }
        finally
        {
            lock (_lock) _running = null;
        }
    }

    public void Terminate()
    {
        PuppetRun? running;
        lock (_lock)
        {
            _isTerminated = true;
            running = _running;
            stage.Terminations++;
        }

        if (!stage.IgnoresTermination) running?.Fail("terminated");
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_running is not null) throw new InvalidOperationException("An executor was disposed during a run.");
        }
    }
}
