using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Server.Overflow;
using Polly;
using Polly.CircuitBreaker;

namespace Gateway.Server.Remote;

/// <summary>One of the batches that may be under way at an upstream at once, as an instance of the model.</summary>
/// <remarks>
/// <b>Behaviour</b>: gathers the rows into a block, sends it, and lends the block that the answer was read into. The instance's own thread waits meanwhile; it has nothing else to do.
/// <b>Cost</b>: one copy of each row in, none out; what an HTTP exchange allocates, once a batch.
/// </remarks>
/// <param name="mark">The model's (<see cref="Passage"/>).</param>
internal sealed class RemoteExecutor(ModelLayout layout, UpstreamClient client, string mark, ResiliencePipeline pipeline, RemoteCounts counts, BlockPool pool, TimeProvider time, Action<string> onVersion)
    : IModelExecutor
{
    // For an answer's head, and for what it says beside its tensors.
    private const int HeadAllowance = 64 << 10;

    // What a run is taken to need before one has been seen.
    private static readonly TimeSpan FirstRun = TimeSpan.FromSeconds(1);

    private readonly IBatchForm _form = client.FormFor(layout);
    private readonly CancellationTokenSource _terminated = new();
    private readonly int[] _byteLengths = new int[layout.Inputs.Count];
    private string _version = "";
    private TimeSpan _lastRun = FirstRun;

    public ExecutionPlacement Placement { get; } = new(RemoteBackend.BackendName, client.Model.AbsoluteUri, [], []);

    public BatchOutput Execute(Batch batch)
    {
        MemoryBlock rows = Gather(batch);
        counts.Begin();
        try
        {
            _form.Write(batch, _byteLengths, MicrosecondsLeft(batch.LatestDeadline));
            batch.RunStart = time.GetTimestamp();
            BatchCall call = new(client, _form, rows, MarksOf(batch), batch.PaddedRows, Limit(batch.PaddedRows), PatienceFor(batch.LatestDeadline), time, _terminated.Token);
            BlockBatchOutput output = pipeline.ExecuteAsync(static (each, _) => each.AttemptAsync(), call, _terminated.Token).AsTask().GetAwaiter().GetResult();
            batch.RunEnd = time.GetTimestamp();
            _lastRun = time.GetElapsedTime(batch.RunStart, batch.RunEnd);
            counts.CountAnswer();
            NoteVersion();
            return output;
        }
        catch (UpstreamException error)
        {
            counts.CountFailure(error.Failure);
            throw error.ToExecutionException();
        }
        catch (BrokenCircuitException error)
        {
            counts.CountFailure(UpstreamFailure.NotAsked);
            string last = error.InnerException is { } cause ? $": {cause.Message}" : "";
            throw new ExecutionException($"the server that runs the model is left alone for a moment, for it has failed too often{last}", error, StatusCode.Unavailable, ExecutionFailure.WholeBatch);
        }
        catch (OperationCanceledException error)
        {
            throw new ExecutionException("The run was cut short", error);
        }
        finally
        {
            counts.End();
            rows.Release();
        }
    }

    public void Terminate() => _terminated.Cancel();

    public void Dispose()
    {
        _form.Dispose();
        _terminated.Dispose();
    }

    private MemoryBlock Gather(Batch batch)
    {
        long all = 0;
        for (int i = 0; i < layout.Inputs.Count; i++) all += VariableRowGather.ByteLength(batch, i);
        if (!pool.TryRent(Math.Max(1, all), BlockOwner.InputSlab, out MemoryBlock? rows)) throw new ExecutionException("there is no memory left for the batch");
        int bytes = 0;
        for (int i = 0; i < layout.Inputs.Count; i++)
        {
            _byteLengths[i] = VariableRowGather.Into(batch, i, rows.Span[bytes..]);
            bytes += _byteLengths[i];
        }

        return rows;
    }

    /// <summary>Time until nobody wants the answers any more, in microseconds, at least 1; 0 when there is always somebody.</summary>
    private long MicrosecondsLeft(long deadline)
    {
        if (deadline == QueueEntry.NoDeadline) return 0;
        long now = time.GetTimestamp();
        return Math.Max(1, (long)((deadline - now) / (double)time.TimestampFrequency * 1e6));
    }

    /// <summary>How long an answer is waited for: while somebody wants it, and a run longer, so that one that is a little late is not cut short; an upstream that hangs holds the instance no longer than that.</summary>
    private TimeSpan PatienceFor(long deadline)
    {
        if (deadline == QueueEntry.NoDeadline) return client.Parameters.Timeout;
        TimeSpan patience = TimeSpan.FromMicroseconds(MicrosecondsLeft(deadline)) + _lastRun;
        return patience < client.Parameters.Timeout ? patience : client.Parameters.Timeout;
    }

    /// <summary>By whom the batch is passed on: by this model, and by all that have passed on one of its requests before.</summary>
    private string MarksOf(Batch batch)
    {
        List<string>? others = null;
        foreach (BatchSlice slice in batch.Slices)
        {
            if (slice.Request.PassedBy is { } marks) (others ??= []).Add(marks);
        }

        return others is null ? mark : Passage.JoinAll(others, mark);
    }

    /// <summary>The most bytes of an answer: what the model's own shapes make is never too much.</summary>
    private long Limit(int rows)
    {
        long fixedBytes = HeadAllowance;
        foreach (TensorSpec output in layout.Outputs) fixedBytes += Math.Max(0, output.RowBytes) * (long)rows;
        return Math.Min(int.MaxValue, Math.Max(client.Parameters.MaxResponseBytes, fixedBytes));
    }

    private void NoteVersion()
    {
        if (_version == _form.Version) return;
        _version = _form.Version;
        onVersion(_version);
    }
}
