using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A served model without files: layout, batcher, instances and pool, and a check at the end that nothing was lost.</summary>
/// <remarks>
/// <b>Behaviour</b>: disposing stops the model, waits for all that was sent, and throws when a request is unaccounted for or a block has not come back.
/// </remarks>
public sealed class TestModel : IAsyncDisposable
{
    private readonly ConcurrentQueue<Task> _sent = new();
    private readonly InferenceRequest _spare;
    private readonly int _instances;

    public TestModel(TestModelSetup setup)
    {
        _instances = setup.Instances;
        Pool = new BlockPool(setup.PoolBytes, lockPages: false);
        ModelConfig config = new() { Name = "m", MaxBatchSize = setup.IsBatching ? setup.Policy.MaxBatchRows : 0 };
        ModelLayout layout = new("m", 1, config, setup.Inputs, setup.Outputs);
        Batcher = new DynamicBatcher(setup.Policy, setup.Policy.MakeFormer(setup.Time), Pool, setup.Time);
        Model = new ServedModel(layout, "test", Batcher) { Features = setup.Features?.Invoke(Pool) };
        _spare = Model.RentRequest();
        IModelExecutor[] executors = [.. Enumerable.Range(0, setup.Instances).Select(_ => setup.CreateExecutor(layout, Pool, setup.Time))];
        InstanceGroup group = new() { Name = "m_0", RateLimiter = setup.Needs };
        Batcher.Start(executors, layout, claims: [.. executors.Select(_ => setup.Limiter?.Add(("m", 1), group))]);
    }

    public BlockPool Pool { get; }

    public ServedModel Model { get; }

    public DynamicBatcher Batcher { get; }

    /// <summary>The model's counters as they are now.</summary>
    public ModelCounts Counts => Batcher.Statistics.Snapshot();

    /// <summary>Completes once all instances wait for work: whatever is sent or fires then is decided on by the thread that brings it.</summary>
    public async Task WhenIdleAsync()
    {
        // The instances report to nobody, so this looks again and again; it ends within microseconds of the last answer.
        while (Batcher.IdleInstances < _instances) await Task.Yield();
    }

    /// <summary>Stops as the server does.</summary>
    /// <returns>Requests that were not answered within the grace.</returns>
    public Task<int> StopAsync(TimeSpan grace) => Batcher.StopAsync(grace);

    /// <summary>Makes a request of a row for each value, for models of one INT64 a row.</summary>
    public InferenceRequest Request(params ReadOnlySpan<long> values) => RequestOf(values, rows: values.Length, dims: [1]);

    /// <summary>Makes a request whose first input has these values.</summary>
    /// <param name="rows">Rows; not used for models without a batch dimension.</param>
    /// <param name="dims">Dimensions of a row.</param>
    public InferenceRequest RequestOf(ReadOnlySpan<long> values, int rows, params ReadOnlySpan<long> dims)
    {
        InferenceRequest request = Model.RentRequest();
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        if (!Pool.TryRent(bytes.Length, BlockOwner.RequestTensors, out MemoryBlock? block)) throw new InvalidOperationException("The test's pool is too small.");
        bytes.CopyTo(block.Span);
        request.Block = block;
        TensorShape shape = default;
        if (Model.Layout.IsBatching) shape.TryAdd(rows);
        foreach (long dim in dims) shape.TryAdd(dim);
        request.Inputs[0] = new InputTensor { DataType = DataType.Int64, Shape = shape, ByteLength = bytes.Length };
        return request;
    }

    /// <summary>Sends a request of a row for each value; when this returns, the batcher has decided on it.</summary>
    public Sent Send(params ReadOnlySpan<long> values) => Send(Request(values));

    public Sent Send(InferenceRequest request)
    {
        Sent sent = new(request, AnswerAsync(Model.InferAsync(request), request));

        // An arrival that finds the lock taken leaves its request to the holder; this one waits until it has been looked at.
        Batcher.OnCancelled(_spare);
        _sent.Enqueue(sent.AnswerAsync());
        return sent;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(TimeSpan.Zero).ConfigureAwait(false);
        await Task.WhenAll(_sent).ConfigureAwait(false);
        ModelCounts counts = Counts;
        List<string> problems = [];
        if (counts.Outcomes.Sum() != counts.Accepted) problems.Add($"{counts.Accepted} were accepted, {string.Join(" + ", counts.Outcomes)} ended");
        if (Batcher.PendingRequests != 0) problems.Add($"{Batcher.PendingRequests} requests are still pending");
        if (Batcher.PendingBytes != 0) problems.Add($"{Batcher.PendingBytes} bytes are still pending");
        foreach (BlockOwner owner in Enum.GetValues<BlockOwner>())
        {
            if (Pool.RentedBlocks(owner) != 0) problems.Add($"{Pool.RentedBlocks(owner)} blocks of {owner} have not come back");
        }

        Pool.Dispose();
        if (problems.Count > 0) throw new InvalidOperationException($"The model was left in disorder: {string.Join("; ", problems)}.");
    }

    private static async Task<Answer> AnswerAsync(ValueTask completion, InferenceRequest request)
    {
        await completion.ConfigureAwait(false);
        Answer answer = Answer.Of(request);
        request.Dispose();
        return answer;
    }
}
