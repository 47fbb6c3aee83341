using System.Diagnostics.CodeAnalysis;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Execution;

/// <summary>Outputs of a batch, leased: the memory stays theirs until the last reader lets go.</summary>
/// <remarks>
/// <b>Ownership</b>: <see cref="IModelExecutor.Execute"/> returns it with one reference, its caller's. Each request that reads from it holds another.
/// <b>Threading</b>: references from any thread; the rest is written by the executor before it is returned, and only read afterwards.
/// </remarks>
public abstract class BatchOutput(int outputs) : IOutputLease
{
    private readonly OutputTensor[] _tensors = new OutputTensor[outputs];
    private readonly int[]?[] _rowOffsets = new int[]?[outputs];
    private int _references;

    /// <summary>The outputs for all rows of the batch, padding included, by the model's own order, in the shape that clients see.</summary>
    public Span<OutputTensor> Tensors => _tensors;

    /// <summary>
    /// For strings, whose rows differ in length: where each row of output <i>i</i> begins, and at the end where the last one ends; null for
    /// tensors of equal rows.
    /// </summary>
    public Span<int[]?> RowOffsets => _rowOffsets;

    public void AddReference() => Interlocked.Increment(ref _references);

    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) OnReleased();
    }

    /// <summary>Rows <paramref name="firstRow"/> to <paramref name="firstRow"/> + <paramref name="rows"/> of one output.</summary>
    public unsafe OutputTensor Rows(int output, int firstRow, int rows)
    {
        OutputTensor whole = _tensors[output];
        OutputTensor part = whole;
        part.Shape[0] = rows;
        if (_rowOffsets[output] is { } offsets)
        {
            part.Address = whole.Address + offsets[firstRow];
            part.ByteLength = offsets[firstRow + rows] - offsets[firstRow];
        }
        else
        {
            int rowBytes = whole.ByteLength / (int)Math.Max(1, whole.Shape[0]);
            part.Address = whole.Address + ((long)firstRow * rowBytes);
            part.ByteLength = rows * rowBytes;
        }

        return part;
    }

    /// <summary>Whether an output has not exactly one row for each of the batch's: its rows could not be told apart, and reading them could leave the memory.</summary>
    internal bool HasWrongRows(int batchRows, [NotNullWhen(true)] out string? problem)
    {
        problem = null;
        for (int i = 0; i < _tensors.Length; i++)
        {
            TensorShape shape = _tensors[i].Shape;
            if (shape.Rank > 0 && shape[0] == batchRows && (_rowOffsets[i] is not { } offsets || offsets.Length > batchRows)) continue;
            problem = $"the model gave output {i} in shape {shape} for a batch of {batchRows}: its first dimension is not the batch";
            return true;
        }

        return false;
    }

    /// <summary>Called by the executor when it lends the output.</summary>
    protected void Lend() => Volatile.Write(ref _references, 1);

    /// <summary>The last reader has let go: the memory may be used again.</summary>
    protected abstract void OnReleased();
}
