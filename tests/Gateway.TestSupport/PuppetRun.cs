using System.Runtime.InteropServices;
using Gateway.Core.Execution;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>One batch in a <see cref="PuppetExecutor"/>'s hands: what was in it, and how it is to end.</summary>
/// <remarks>The model that the puppets play: each INT64 input element <i>x</i> gives <see cref="Answer(long)"/>.</remarks>
public sealed class PuppetRun
{
    private readonly TaskCompletionSource<Func<BlockOutput.Tensor[]>> _command = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PuppetRun(Batch batch, ModelLayout layout)
    {
        Layout = layout;
        Slices = batch.Slices.ToArray();
        Rows = batch.Rows;
        PaddedRows = batch.PaddedRows;
        CloseReason = batch.CloseReason;
        Values = MemoryMarshal.Cast<byte, long>(FunctionExecutor.Gather(batch, 0)).ToArray();
        InputShape = batch.InputShape(0, layout.IsBatching);
    }

    public IReadOnlyList<BatchSlice> Slices { get; }

    public int Rows { get; }

    public int PaddedRows { get; }

    public CloseReason CloseReason { get; }

    /// <summary>Elements of the first input, all rows one after the other, without padding.</summary>
    public IReadOnlyList<long> Values { get; }

    /// <summary>Shape of the first input for the whole batch, padding included.</summary>
    public TensorShape InputShape { get; }

    internal ModelLayout Layout { get; }

    /// <summary>What the played model gives for an element.</summary>
    public static long Answer(long x) => (3 * x) + 1;

    /// <summary>Ends the run with the answers to its rows.</summary>
    public void Succeed() => Succeed(() => [Answers()]);

    /// <summary>Ends the run with other outputs than the played model's.</summary>
    public void Succeed(Func<BlockOutput.Tensor[]> outputs) => _command.TrySetResult(outputs);

    public void Fail(string message) => Throw(new ExecutionException(message));

    public void Throw(Exception error) => _command.TrySetResult(() => throw error);

    /// <summary>The request that a value came with is in this batch.</summary>
    public bool Has(InferenceRequest request) => Slices.Any(slice => ReferenceEquals(slice.Request, request));

    internal BlockOutput.Tensor[] Wait() => _command.Task.GetAwaiter().GetResult()();

    private BlockOutput.Tensor Answers()
    {
        TensorShape shape = InputShape;
        shape.TryCountElements(out long elements);
        long[] answers = new long[elements];
        for (int i = 0; i < Values.Count; i++) answers[i] = Answer(Values[i]);
        return new BlockOutput.Tensor(DataType.Int64, shape, MemoryMarshal.AsBytes(answers.AsSpan()).ToArray());
    }
}
