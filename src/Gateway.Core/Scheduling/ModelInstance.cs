using System.Numerics;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling.Resources;
using Gateway.Core.Timing;
using Gateway.Protocol;

namespace Gateway.Core.Scheduling;

/// <summary>One instance of a model: the thread that runs its batches and gives every request its rows.</summary>
/// <remarks>
/// <b>Behaviour</b>: a batch that fails is run again in halves where the policy says so, until only the requests that make it fail are left, within a budget
/// of runs. One that needs more memory than there is is run in halves, and later ones are kept that small. When the device is lost, the batch goes back to the
/// queue for what is left, and the instance takes no other until its executor is back. <b>Threading</b>: one thread of its own, because a run blocks; while that is idle the batcher may lend the instance to another for a short run
/// (<see cref="RunHere"/>); <see cref="Call"/>, <see cref="Terminate"/> and <see cref="End"/> from any.
/// <b>Ownership</b>: owns its executor and its claim. <b>Cost</b>: no allocation a batch.
/// </remarks>
#pragma warning disable CA1001 // Its own thread disposes what it owns, at its end.
internal sealed class ModelInstance : IThreadPoolWorkItem
#pragma warning restore CA1001
{
    // A driver that comes back does so within seconds; one that does not is asked twice a minute.
    private static readonly TimeSpan LongestReloadPause = TimeSpan.FromSeconds(30);

    // Of a request that needs more memory than there is, and was run whole all the same.
    private const string WhyNotInParts = "; its rows cannot be run in several batches, because outputs of strings are not put together again: send fewer rows in a request";

    private readonly DynamicBatcher _batcher;
    private readonly ModelLayout _layout;
    private readonly IModelExecutor _executor;
    private readonly ManualResetEventSlim _work = new(initialState: false);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;

    // Held by the thread that the instance is lent to, so that the executor is not disposed under it.
    private readonly Lock _lent = new();
    private bool _isDisposed;
    private volatile bool _isEnding;
    private volatile bool _isTerminated;
    private long _calledAt;

    // Set by the instance's own thread, which then brings it back before it takes another batch.
    private volatile bool _isLost;
    private volatile int _failedReloads;

    /// <param name="latency">What runs take in its group.</param>
    /// <param name="claim">What its batches need beside it; null for nothing.</param>
    public ModelInstance(DynamicBatcher batcher, ModelLayout layout, IModelExecutor executor, int index, LatencyModel latency, ResourceClaim? claim = null)
    {
        Latency = latency;
        Claim = claim;
        _batcher = batcher;
        _layout = layout;
        _executor = executor;
        Index = index;
        _thread = new Thread(Run) { IsBackground = true, Name = $"{layout.Name}/{layout.Version} #{index}" };
    }

    public int Index { get; }

    /// <summary>What runs take, here and on the others of its group.</summary>
    public LatencyModel Latency { get; }

    /// <summary>The resources that it must have before a batch is made for it; null where it needs none.</summary>
    public ResourceClaim? Claim { get; }

    /// <summary>The batch to run; the batcher fills it.</summary>
    public Batch Batch { get; } = new();

    /// <summary>Since when it could have begun a batch; the batcher sets it.</summary>
    public long FreeSince { get; set; }

    /// <summary>Whether <see cref="RunHere"/> would begin at once on any thread.</summary>
    public bool CanRunHere => _executor.CanRunAnywhere && _executor.HasRoom;

    public bool IsOnOwnThread => Thread.CurrentThread == _thread;

    /// <summary>Whether any thread may run it.</summary>
    public bool RunsAnywhere => _executor.CanRunAnywhere;

    /// <summary>Whether its device is lost, and it tries to get it back.</summary>
    public bool IsLost => _isLost;

    /// <summary>Reloads in vain since its device was lost; 0 while it is there.</summary>
    public int FailedReloads => _failedReloads;

    /// <summary>Completes when the thread has ended.</summary>
    public Task Ended => _ended.Task;

    public void Start() => _thread.Start();

    /// <summary>Tells the idle instance that there may be a batch for it.</summary>
    /// <param name="onOwnThread">False for a thread of the front door's, when one has done what it has to do before.</param>
    public void Call(bool onOwnThread)
    {
        if (onOwnThread)
        {
            _work.Set();
            return;
        }

        _calledAt = _batcher.Time.GetTimestamp();
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (_batcher.HoldsUpOthers(this))
        {
            // The thread that watches the sockets does not interrupt those that work, and may have something to say that should not wait for a whole batch.
            Thread.Yield();

            // What comes in takes two steps through the pool until it waits here, and answers take two to leave, the second behind what was there before: each would wait likewise.
            if (ThreadPool.PendingWorkItemCount > 0 && _batcher.LetsOthersGo(_calledAt))
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
        }

        _batcher.OnCalled(this);
    }

    /// <summary>Cuts the present run short.</summary>
    public void Terminate()
    {
        _isTerminated = true;
        _executor.Terminate();
    }

    /// <summary>Ends the thread once it is idle.</summary>
    public void End()
    {
        _isEnding = true;
        _work.Set();
    }

    /// <summary>Waits until called.</summary>
    /// <returns>False when the thread is to end.</returns>
    public bool WaitForCall()
    {
        _work.Wait();
        _work.Reset();
        return !_isEnding;
    }

    /// <summary>Runs the batch on the calling thread, which the idle instance is lent to.</summary>
    public void RunHere()
    {
        lock (_lent)
        {
            // Only if the thread was not let run during all of a stop's grace: the executor is gone, and with it what the batch was to be run on.
            if (_isDisposed) Fail(Batch, StatusCode.Unavailable, Refusals.Abandoned);
            else RunLent();
        }
    }

    private void RunLent()
    {
        PoolDelay.Ask();
        RunBatch();
    }

    private void Run()
    {
        bool hasRun = false;
        while (_batcher.WaitForBatch(this, hasRun))
        {
            hasRun = true;
            RunBatch();
            if (_isLost) Recover();
        }

        lock (_lent)
        {
            _isDisposed = true;
            _executor.Dispose();
        }

        // Only now: a run of which nobody has heard again still used them.
        Claim?.Dispose();
        _work.Dispose();
        _ended.SetResult();
    }

    private void RunBatch()
    {
        int budget = _batcher.Policy.BisectsFailedBatches ? RerunBudget(Batch.Slices.Length) : 0;
        Execute(Batch, isWhole: true, ref budget);
    }

    /// <summary>Runs after a failure: enough to find two bad requests among <paramref name="requests"/> (two halves a level for each), not one a request.</summary>
    private static int RerunBudget(int requests) => requests < 2 ? 0 : 4 * (BitOperations.Log2((uint)(requests - 1)) + 1);

    /// <param name="isWhole">False for a part of a batch that failed, whose beginning lies before others' runs.</param>
    private void Execute(Batch batch, bool isWhole, ref int budget)
    {
        BatchOutput output;
        try
        {
            output = _executor.Execute(batch);
        }
#pragma warning disable CA1031 // Whatever goes wrong in a run is that batch's error: the thread serves everybody else's batches too.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _batcher.Statistics.CountFailedExecution();
            ExecutionFailure failure = (error as ExecutionException)?.Failure ?? ExecutionFailure.Run;
            if ((failure is ExecutionFailure.DeviceLost or ExecutionFailure.DeviceAway) && !_isTerminated && IsOnOwnThread)
            {
                _isLost = true;
                _batcher.Lose(this, batch, error.Message, hasRun: failure == ExecutionFailure.DeviceLost);
                return;
            }

            // Too large batches are halved outside of the budget, which is for finding the request at fault: here none is, and halves end at one request.
            bool isTooLarge = failure == ExecutionFailure.OutOfMemory && !_isTerminated;
            string reason = error.Message;
            if (isTooLarge)
            {
                _batcher.Shrink(this, batch);
                if (batch.Slices is [{ } only])
                {
                    if (_batcher.TakesBackInParts(only, Latency)) return;
                    if (!_batcher.Policy.SplitsRows && only.Rows > _batcher.Policy.MostRows(Latency)) reason += WhyNotInParts;
                }
            }

            if (batch.Slices.Length > 1 && !_isTerminated && failure != ExecutionFailure.WholeBatch && (isTooLarge || budget >= 2))
            {
                if (!isTooLarge) budget -= 2;
                ExecuteHalves(batch, ref budget);
            }
            else
            {
                Fail(batch, (error as ExecutionException)?.Status ?? StatusCode.Internal, reason);
            }

            return;
        }

        if (_layout.IsBatching && output.HasWrongRows(batch.PaddedRows, out string? problem))
        {
            // Not bisected: a model that does not give a row for a row does so for every batch.
            output.Release();
            _batcher.Statistics.CountFailedExecution();
            Fail(batch, StatusCode.Internal, problem);
            return;
        }

        Scatter(batch, output);
        output.Release();
        if (!isWhole) return;
        long now = _batcher.Time.GetTimestamp();
        Latency.Record(batch.PaddedRows, now - batch.ClosedAt, now, batch.ShapeClass);
        _batcher.Grow(this, now);
    }

    private void ExecuteHalves(Batch batch, ref int budget)
    {
        int middle = batch.Slices.Length / 2;
        Batch first = Part(batch, 0, middle);
        Batch second = Part(batch, middle, batch.Slices.Length);
        Execute(first, isWhole: false, ref budget);
        Execute(second, isWhole: false, ref budget);
    }

    private Batch Part(Batch batch, int from, int to)
    {
        Batch part = new() { CloseReason = batch.CloseReason, OpenedAt = batch.OpenedAt, ClosedAt = batch.ClosedAt };
        foreach (BatchSlice slice in batch.Slices[from..to]) part.Add(slice.Request, slice.FirstRow, slice.Rows);
        part.PaddedRows = _batcher.Policy.PadTo(part.Rows);
        return part;
    }

    /// <summary>Gives each request its rows of the outputs, counts the batch, and hands the finished requests back.</summary>
    private void Scatter(Batch batch, BatchOutput output)
    {
        ReadOnlySpan<BatchSlice> slices = batch.Slices;
        InferenceRequest? finished = null;

        // From the last to the first, so that the list that is made runs from the first to the last.
        for (int i = slices.Length - 1; i >= 0; i--)
        {
            BatchSlice slice = slices[i];
            InferenceRequest request = slice.Request;
            request.Times.BatchOpened = Math.Max(request.Times.Queued, batch.OpenedAt);
            request.Times.GatherStart = batch.ClosedAt;
            request.Times.UploadStart = batch.UploadStart;
            request.Times.RunStart = batch.RunStart;
            request.Times.RunEnd = batch.RunEnd;
            request.Times.DownloadEnd = batch.DownloadEnd;
            request.Times.BatchRows = batch.Rows;
            if (!IsFinishedBy(slice, output)) continue;
            request.NextReleased = finished;
            finished = request;
        }

        // Counted before anybody is answered: a client that has its answer finds itself in the metrics.
        long now = _batcher.Time.GetTimestamp();
        for (InferenceRequest? request = finished; request is not null; request = request.NextReleased) request.Times.Released = now;
        _batcher.Statistics.CountBatch(batch, finished, now);
        while (finished is not null)
        {
            InferenceRequest request = finished;
            finished = request.NextReleased;
            request.NextReleased = null;
            _batcher.HandBack(request);
        }
    }

    /// <returns>True when the request is finished.</returns>
    private bool IsFinishedBy(BatchSlice slice, BatchOutput output)
    {
        try
        {
            return TryAnswer(slice, output);
        }
#pragma warning disable CA1031 // Outputs that nothing was prepared for are that request's error: the thread must go on for everybody else.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return FailSlice(slice, StatusCode.Internal, error.Message);
        }
    }

    /// <returns>True when the request is finished.</returns>
    private bool TryAnswer(BatchSlice slice, BatchOutput output)
    {
        InferenceRequest request = slice.Request;
        if (request.Assembly is { } assembly)
        {
            if (request.IsCancelled) return FailPart(request, assembly, RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.Cancelled);
            return assembly.TryPlace(slice, output, out string? problem)
                ? assembly.ClosePart(slice.Rows)
                : FailPart(request, assembly, RequestOutcome.Failed, StatusCode.Internal, problem);
        }

        // Where others wait for the same, the answer is there and theirs.
        if (request.IsCancelled && request.CachedCall?.Flight?.First is null)
        {
            request.SetError(RequestOutcome.Cancelled, StatusCode.Cancelled, Refusals.For(request, Refusals.Cancelled));
            return true;
        }

        Span<OutputTensor> slots = request.OutputSlots;
        for (int i = 0; i < slots.Length; i++)
        {
            slots[i] = _layout.IsBatching ? output.Rows(i, slice.BatchRow, slice.Rows) : output.Tensors[i];
        }

        output.AddReference();
        request.SetOutputs(output);
        return true;
    }

    /// <summary>Brings the executor back, trying again and again in longer and longer intervals until it is there or the instance is to end.</summary>
    private void Recover()
    {
        TimeSpan pause = _batcher.Policy.FirstReloadPause;
        while (!_isEnding)
        {
            try
            {
                _executor.Reload();
                _failedReloads = 0;
                _isLost = false;
                _batcher.Observer?.Invoke(Index, null);
                return;
            }
#pragma warning disable CA1031 // Whatever keeps it from coming back may be over the next time.
            catch (Exception error)
#pragma warning restore CA1031
            {
                _failedReloads++;
                _batcher.Observer?.Invoke(Index, error.Message);
                _batcher.OnFailedReload();
            }

            // Ends early when the instance is to end.
            _work.Wait(pause);
            pause = TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestReloadPause.Ticks));
        }
    }

    /// <summary>Fails a batch whose device is lost and which is not to be run elsewhere.</summary>
    internal bool FailLost(BatchSlice slice, string error) => FailSlice(slice, StatusCode.Unavailable, error);

    private void Fail(Batch batch, StatusCode status, string error)
    {
        foreach (BatchSlice slice in batch.Slices)
        {
            if (FailSlice(slice, status, error)) _batcher.Release(slice.Request);
        }
    }

    /// <returns>True when the request is finished.</returns>
    private bool FailSlice(BatchSlice slice, StatusCode status, string error)
    {
        InferenceRequest request = slice.Request;
        if (request.Assembly is { } assembly) return FailPart(request, assembly, RequestOutcome.Failed, status, error);
        request.SetError(RequestOutcome.Failed, status, Refusals.For(request, error));
        return true;
    }

    /// <returns>True when the request is finished.</returns>
    private bool FailPart(InferenceRequest request, SplitAssembly assembly, RequestOutcome outcome, StatusCode status, string error)
    {
        // Failed first, so that none of its rows come back to the queue; then the rows that wait go: the request must not be finished while the queue still knows it.
        assembly.Fail(outcome, status, Refusals.For(request, error));
        _batcher.DropWaitingRows(request);
        return assembly.ClosePart(rows: 0);
    }
}
