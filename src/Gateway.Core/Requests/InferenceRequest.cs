using System.Threading.Tasks.Sources;
using Gateway.Core.Caching;
using Gateway.Core.Caching.Flights;
using Gateway.Core.Execution;
using Gateway.Core.Features.Lookups;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;
using Gateway.Core.Tracing;
using Gateway.Protocol;

namespace Gateway.Core.Requests;

/// <summary>One inference on its way through the gateway: the form in which all protocols meet.</summary>
/// <remarks>
/// <b>Behaviour</b>: a protocol endpoint rents it from a <see cref="ServedModel"/>, fills in inputs and settings, awaits
/// <see cref="ServedModel.InferAsync"/>, encodes the outputs (<see cref="Status"/>, <see cref="Outputs"/>) and disposes it.
/// <b>Threading</b>: one owner at a time (<see cref="RequestState"/>); only <see cref="Cancel"/> may be called by anyone while the batcher owns it.
/// <b>Ownership</b>: it owns its tensor block and, once answered, a lease on the memory of its outputs; disposing gives back both and the request
/// itself, so nothing of it may be touched afterwards. It must not be disposed while the batcher owns it.
/// <b>Cost</b>: pooled with its model; a request in steady state allocates nothing.
/// </remarks>
public sealed class InferenceRequest : QueueEntry, IValueTaskSource, IDisposable
{
    private readonly InputTensor[] _inputs;
    private readonly OutputTensor[] _outputs;
    private ManualResetValueTaskSourceCore<bool> _completion = new() { RunContinuationsAsynchronously = true };
    private int _isCancelled;
    private IOutputLease? _lease;

    internal InferenceRequest(ServedModel model)
    {
        Model = model;
        _inputs = new InputTensor[model.Inputs.Count];
        _outputs = new OutputTensor[model.Outputs.Count];
    }

    /// <summary>The model version that the request is for.</summary>
    public ServedModel Model { get; }

    /// <summary>The client's own id, echoed in the answer and named in errors; empty when it gave none.</summary>
    public string Id { get; set; } = "";

    /// <summary>
    /// Time that the client gives it, in microseconds; 0 for none. From its arrival to its answer, but for models that set Triton's own queue policies, where it
    /// bounds the wait.
    /// </summary>
    public long TimeoutMicroseconds { get; private set; }

    /// <summary>Gives it so much time at most; 0 says nothing.</summary>
    public void LimitTime(long microseconds)
    {
        if (microseconds > 0 && (TimeoutMicroseconds == 0 || microseconds < TimeoutMicroseconds)) TimeoutMicroseconds = microseconds;
    }

    /// <summary>Gives it so much time from now on at most, of what it has from its arrival.</summary>
    /// <param name="microseconds">Above 0.</param>
    public void LimitTimeFromNow(long microseconds)
    {
        long waited = (long)Model.Batcher.Time.GetElapsedTime(0, Waited).TotalMicroseconds;
        LimitTime(microseconds + Math.Min(waited, long.MaxValue - microseconds));
    }

    /// <summary>Whether the time that its client gave it was over before it was handed to its model: it is answered at once then, as one that has expired.</summary>
    internal bool IsOverdue => Waited > 0 && TimeoutMicroseconds > 0 && Model.Batcher.Time.GetElapsedTime(0, Waited).TotalMicroseconds >= TimeoutMicroseconds
        && Model.Batcher.Policy.EndsWithClientsTime(Model.Batcher.Policy.LevelOf(Priority));

    /// <summary>Checks what is said of an input against the model, before its bytes are fetched from where they lie: it might be told to have any number of them.</summary>
    /// <param name="index">By the model's own order.</param>
    /// <exception cref="Protocol.InferenceException">It does not fit the model.</exception>
    public void CheckInput(int index, in InputTensor input) => RequestValidation.CheckAhead(this, index, input);

    /// <summary>Makes it a tenant's, which has let it in (<see cref="Tenant.TryEnter"/>); null where requests have no tenants. Its disposal tells the tenant that it is over.</summary>
    public void AdmitAs(Tenant? tenant) => Tenant = tenant;

    /// <summary>Of one that was given back with its <see cref="Place"/>, or was refused: hands its tenant on to whatever becomes of it next, or to who tells it that it is over.</summary>
    /// <returns>Null where there is none, and of all others, which their disposal tells.</returns>
    public Tenant? TakeTenant()
    {
        if (!IsGivenBack) return null;
        Tenant? tenant = Tenant;
        Tenant = null;

        // Whoever serves it draws them.
        tenant?.GiveBackRows(Rows);
        return tenant;
    }

    /// <summary>Whether it came back from its model here without having been run, and may be answered by another gateway: with its <see cref="Place"/>, or refused.</summary>
    public bool IsGivenBack => Place is not null || Refusal.Reason != RefusalReason.None;

    public RequestState State { get; internal set; }

    /// <summary>Block that the inputs lie in; null while nothing has been rented. The request owns it once set.</summary>
    public MemoryBlock? Block { get; set; }

    /// <summary>Bytes of the request that its endpoint has copied: to collect them, into the block, and from a block that was too small.</summary>
    public long CopiedBytes { get; set; }

    /// <summary>The inputs, by the model's own order (<see cref="ServedModel.Inputs"/>).</summary>
    public Span<InputTensor> Inputs => _inputs;

    /// <summary>The outputs, by the model's own order (<see cref="ServedModel.Outputs"/>); meaningful when <see cref="Status"/> is <see cref="StatusCode.Ok"/>.</summary>
    public ReadOnlySpan<OutputTensor> Outputs => _outputs;

    /// <summary>How it ended; meaningful once <see cref="State"/> is <see cref="RequestState.Released"/>.</summary>
    public StatusCode Status { get; private set; }

    /// <summary>Text for the client when <see cref="Status"/> is not Ok.</summary>
    public string? Error => _error ??= Refusal.Reason == RefusalReason.None ? null : RefusalText.For(Id);

    /// <summary>Why it was refused; its reason is None where it was not.</summary>
    public Refusal Refusal { get; private set; }

    /// <summary>What a refused client is told; meaningful where <see cref="Refusal"/> has a reason.</summary>
    public RefusalText RefusalText { get; private set; }

    /// <summary>When another attempt makes sense, of a refused request; null where nothing is known about that.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>What it says of the cache.</summary>
    public CacheUse CacheUse { get; set; }

    /// <summary>Whether its answer is to say what each stage took, and what was predicted.</summary>
    public bool Explains { get; set; }

    /// <summary>Whether that is wanted in whatever way, so that it is to be foreseen though nothing is decided by it.</summary>
    public bool WantsForecast { get; set; }

    /// <summary>What <see cref="Explains"/> asks for, as text, once it has been made; null before.</summary>
    public string? Explanation { get; set; }

    /// <summary>How old an answer from the cache may be for it, in seconds; 0 for as old as the model's may be.</summary>
    public long CacheMaxAgeSeconds { get; set; }

    /// <summary>Whether it is not to be run where no cache has its answer, but given back with its <see cref="Place"/>: another gateway keeps its answer, or has more time for it.</summary>
    public bool MayBeKeptElsewhere { get; set; }

    /// <summary>Of a request that was given back without an answer: a digest of its inputs, the same in all processes, or 0 where answers have no owners. Null for all others.</summary>
    public ulong? Place { get; private set; }

    /// <summary>Whether another gateway only tries with it whether this one is warm: it is run as any, and counted as no request.</summary>
    public bool IsWarmUp { get; set; }

    /// <summary>By whom it was passed on before it came here, for who passes it on again; null for nobody.</summary>
    public string? PassedBy { get; set; }

    /// <summary>What the cache did for it; set with the answer.</summary>
    public CacheOutcome CacheOutcome { get; internal set; }

    /// <summary>With <see cref="CacheOutcome.Hit"/>: how many seconds ago the model gave the answer.</summary>
    public long CacheAgeSeconds { get; internal set; }

    /// <summary>Whether its answer is being kept.</summary>
    public bool CacheIsStored { get; internal set; }

    /// <summary>Its place in the cache; made when it first needs one.</summary>
    internal CachedCall? CachedCall { get; set; }

    /// <summary>What fills rows of feature views in; made when it first names one.</summary>
    internal FeatureFill? Fill { get; set; }

    public ref StageTimes Times => ref _times;

    /// <summary>Its trace, which is over when it is disposed; null for one that is not traced.</summary>
    public RequestTrace? Trace { get; internal set; }

    private StageTimes _times;
    private string? _error;

    internal bool IsCancelled => Volatile.Read(ref _isCancelled) != 0;

    /// <summary>What the request counts for in the queue's bound in bytes.</summary>
    internal long QueuedBytes => Block?.Capacity ?? 0;

    /// <summary>Links requests that are to be released once a lock is left.</summary>
    internal InferenceRequest? NextReleased { get; set; }

    /// <summary>Where the parts of a split request are put together; null for the others.</summary>
    internal SplitAssembly? Assembly { get; set; }

    /// <summary>When an instance first lost its device while it ran this; <see cref="long.MaxValue"/> for never. A timestamp.</summary>
    internal long LostDeviceAt { get; set; } = long.MaxValue;

    /// <summary>How it ended, for the counters; set with the answer.</summary>
    internal RequestOutcome Outcome { get; private set; }

    /// <summary>Who gets it back; null when its completion is awaited.</summary>
    internal IAnswerReceiver? Receiver { get; set; }

    internal ValueTask Completion => new(this, _completion.Version);

    /// <summary>Whether all inputs have the dimensions of another request's, the batch dimension aside.</summary>
    internal bool HasShapesOf(InferenceRequest other)
    {
        int first = Model.Layout.IsBatching ? 1 : 0;
        for (int i = 0; i < _inputs.Length; i++)
        {
            if (!_inputs[i].Shape.Dims[first..].SequenceEqual(other._inputs[i].Shape.Dims[first..])) return false;
        }

        return true;
    }

    /// <summary>Says that nobody waits for the answer any more. What waits in the queue is taken out of it at once; what runs is finished and thrown away.</summary>
    /// <remarks>The await of <see cref="ServedModel.InferAsync"/> still ends in the ordinary way, with <see cref="StatusCode.Cancelled"/> if it came in time.</remarks>
    public void Cancel()
    {
        if (Interlocked.Exchange(ref _isCancelled, 1) != 0) return;
        if (CachedCall is { } call && ModelCache.TryCancel(call)) return;
        Model.Batcher.OnCancelled(this);
    }

    /// <summary>Where the outputs of a request that is being answered are written, before <see cref="SetOutputs(IOutputLease)"/>.</summary>
    internal Span<OutputTensor> OutputSlots => _outputs;

    /// <summary>Makes <see cref="OutputSlots"/> the answer.</summary>
    /// <param name="lease">Keeps the outputs alive; the request takes the caller's reference over.</param>
    internal void SetOutputs(IOutputLease lease)
    {
        _lease = lease;
        Status = StatusCode.Ok;
        Outcome = RequestOutcome.Succeeded;
    }

    internal void SetError(RequestOutcome outcome, StatusCode status, string message)
    {
        Outcome = outcome;
        Status = status;
        _error = message;
    }

    /// <summary>Gives it the outcome of a refused request, of which nothing will be answered.</summary>
    internal void Refuse(in Refusal refusal, TimeProvider time)
    {
        Outcome = RequestOutcome.Rejected;
        Status = StatusCode.Unavailable;
        Refusal = refusal;
        RefusalText = new RefusalText(refusal.Reason, Refusals.Microseconds(time, Arrival, refusal.PredictedEnd), Refusals.Microseconds(time, Arrival, DueAt), RowsAhead);
        if (refusal.RetryAfter > 0) RetryAfter = time.GetElapsedTime(0, refusal.RetryAfter);
    }

    /// <summary>Gives it back unanswered: whoever keeps its answer, if anybody, is to be found by its place.</summary>
    internal void SendAway(ulong place)
    {
        SetError(RequestOutcome.Rejected, StatusCode.Unavailable, "Request is to be answered by another gateway");
        State = RequestState.Released;
        Place = place;
    }

    /// <summary>Hands the request back to its protocol endpoint. A continuation runs on the thread pool, never on the caller's thread; a receiver is called.</summary>
    internal void Complete()
    {
        State = RequestState.Released;
        if (Receiver is { } receiver) receiver.OnAnswered(this);
        else _completion.SetResult(true);
    }

    /// <summary>Gives back the block, the lease on the outputs, and the request itself.</summary>
    public void Dispose()
    {
        Trace?.End(this);
        Trace = null;
        Tenant?.Leave(this);
        Tenant = null;
        _lease?.Release();
        _lease = null;
        Block?.Release();
        Block = null;
        Model.Return(this);
    }

    /// <summary>Makes the request as new for its next renter.</summary>
    internal void Reset()
    {
        Array.Clear(_inputs);
        _completion.Reset();
        Volatile.Write(ref _isCancelled, 0);
        Id = "";
        TimeoutMicroseconds = 0;
        CopiedBytes = 0;
        Arrival = 0;
        Waited = 0;
        Deadline = NoDeadline;
        TimesOutAt = NoDeadline;
        PredictedEnd = 0;
        RowsAhead = 0;
        Refusal = default;
        RetryAfter = null;
        Priority = 0;
        Rows = 1;
        RowsTaken = 0;
        ShapeKey = 0;
        ShapeClass = 0;
        IsDelayed = false;
        State = RequestState.Initialized;
        Status = StatusCode.Ok;
        _error = null;
        Assembly = null;
        LostDeviceAt = long.MaxValue;
        Receiver = null;
        CacheUse = CacheUse.Ordinary;
        Explains = false;
        WantsForecast = false;
        Explanation = null;
        CacheMaxAgeSeconds = 0;
        PassedBy = null;
        IsWarmUp = false;
        MayBeKeptElsewhere = false;
        Place = null;
        CacheOutcome = CacheOutcome.None;
        CacheAgeSeconds = 0;
        CacheIsStored = false;
        CachedCall?.Reset();
        _times = default;
    }

    void IValueTaskSource.GetResult(short token) => _completion.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _completion.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _completion.OnCompleted(continuation, state, token, flags);
}
