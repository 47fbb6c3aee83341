using System.Collections.Concurrent;
using System.Globalization;
using Gateway.Core.Caching;
using Gateway.Core.Execution;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Core.Tenants;

namespace Gateway.Core.Models;

/// <summary>One ready version of a model: where protocol endpoints get requests from, and have them answered.</summary>
/// <remarks>
/// <b>Threading</b>: any thread. <b>Cost</b>: requests are pooled, up to <see cref="MostPooledRequests"/>; the pool is empty again after a load peak only as
/// far as the garbage collector sees to it.
/// </remarks>
public sealed class ServedModel
{
    // Enough for every request that a queue of the default bound may hold; beyond it requests are simply collected.
    private const int MostPooledRequests = 4096;

    private readonly ConcurrentQueue<InferenceRequest> _requests = new();
    private int _pooled;

    internal ServedModel(ModelLayout layout, string device, DynamicBatcher batcher)
    {
        Layout = layout;
        VersionText = layout.Version.ToString(CultureInfo.InvariantCulture);
        Device = device;
        Batcher = batcher;
    }

    public ModelLayout Layout { get; }

    /// <summary>Where it runs, for people.</summary>
    public string Device { get; }

    /// <summary>Where each of its instances runs.</summary>
    public IReadOnlyList<ExecutionPlacement> Placements { get; internal init; } = [];

    public string Name => Layout.Name;

    public long Version => Layout.Version;

    /// <summary>The version as protocols spell it.</summary>
    public string VersionText { get; }

    public ModelConfig Config => Layout.Config;

    public IReadOnlyList<TensorSpec> Inputs => Layout.Inputs;

    public IReadOnlyList<TensorSpec> Outputs => Layout.Outputs;

    /// <summary>Queues, batches and runs the requests; also where the model's counters are.</summary>
    public DynamicBatcher Batcher { get; }

    /// <summary>Where requests look before they are queued; null for a model without a cache. Set before the model is served.</summary>
    internal ModelCache? Cache { get; set; }

    /// <summary>Counters of the cache; null for a model without one.</summary>
    public CacheCounts? CacheCounts => Cache?.Counts;

    /// <summary>Whether a request that comes now would be refused, as far as can be told before it is read: see <see cref="DynamicBatcher.TurnsAway"/>.</summary>
    /// <remarks>One of a model with a cache is read, however full the queue is: it may be answered without.</remarks>
    public bool TurnsAway(long timeoutMicroseconds, out EarlyRefusal refusal, Tenant? tenant = null)
    {
        refusal = default;
        return Cache is null && Batcher.TurnsAway(timeoutMicroseconds, out refusal, tenant);
    }

    /// <summary>Lends an empty request; the caller must dispose it.</summary>
    public InferenceRequest RentRequest()
    {
        if (_requests.TryDequeue(out InferenceRequest? request)) Interlocked.Decrement(ref _pooled);
        else request = new InferenceRequest(this);
        return request;
    }

    /// <summary>Checks a filled request against the model and has it answered.</summary>
    /// <returns>
    /// Completes when the request is answered, whatever the answer: see <see cref="InferenceRequest.Status"/>. From here to there the request is not the caller's.
    /// </returns>
    /// <exception cref="Protocol.InferenceException">The request does not fit the model (the texts are Triton's); it was not accepted and stays the caller's.</exception>
    public ValueTask InferAsync(InferenceRequest request)
    {
        RequestValidation.Check(request);
        request.Tenant?.DrawRows(request.Rows);
        return Cache is null ? Batcher.EnqueueAsync(request) : Cache.InferAsync(request);
    }

    /// <summary>Likewise, for an endpoint that does not await the answer.</summary>
    /// <param name="receiver">Gets the request back, perhaps before this returns.</param>
    /// <param name="mayRun">Whether the calling thread has nothing else to bring at present, and so may run a short model itself.</param>
    /// <exception cref="Protocol.InferenceException">As above.</exception>
    public void Infer(InferenceRequest request, IAnswerReceiver receiver, bool mayRun)
    {
        RequestValidation.Check(request);
        request.Tenant?.DrawRows(request.Rows);
        request.Receiver = receiver;
        if (Cache is null) Batcher.Enqueue(request, mayRun);
        else Cache.Infer(request, mayRun);
    }

    internal void Return(InferenceRequest request)
    {
        request.Reset();
        if (Interlocked.Increment(ref _pooled) <= MostPooledRequests) _requests.Enqueue(request);
        else Interlocked.Decrement(ref _pooled);
    }
}
