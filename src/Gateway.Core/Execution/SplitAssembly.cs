using System.Diagnostics.CodeAnalysis;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Execution;

/// <summary>Puts a request back together whose rows were run in more than one batch.</summary>
/// <remarks>
/// <b>Behaviour</b>: parts are opened when a batch takes them and closed when their batch is done; whoever closes the last one, once no row waits any
/// more, finds the request finished and releases it. A failed part fails the request; one that was not run may be returned and opened anew. <b>Threading</b>: any thread; a lock of its own.
/// <b>Ownership</b>: holds one block an output until the request is finished, and is then the request's lease on them.
/// </remarks>
internal sealed class SplitAssembly(InferenceRequest request, BlockPool pool) : IOutputLease
{
    private readonly Lock _lock = new();
    private readonly MemoryBlock?[] _blocks = new MemoryBlock?[request.Outputs.Length];

    // Rows that were given to batches which did not run; the rest goes on from the next.
    private readonly Stack<(int First, int Rows)> _returned = new();
    private int _nextRow;
    private int _openParts;
    private int _rowsDone;
    private bool _isClosed;
    private bool _isFinished;
    private RequestOutcome _outcome = RequestOutcome.Succeeded;
    private StatusCode _status;
    private string _error = "";

    /// <summary>Rows of the parts that are done.</summary>
    public int RowsDone
    {
        get
        {
            lock (_lock) return _rowsDone;
        }
    }

    /// <summary>Gives rows that wait to a batch: in one part, or in several where some have come back.</summary>
    public void OpenParts(Batch batch, int rows)
    {
        lock (_lock)
        {
            while (rows > 0)
            {
                if (!_returned.TryPop(out (int First, int Rows) part))
                {
                    part = (_nextRow, rows);
                    _nextRow += rows;
                }
                else if (part.Rows > rows)
                {
                    _returned.Push((part.First + rows, part.Rows - rows));
                    part.Rows = rows;
                }

                _openParts++;
                batch.Add(request, part.First, part.Rows);
                rows -= part.Rows;
            }
        }
    }

    /// <summary>A part was not run: its rows wait again.</summary>
    /// <returns>False where the request has failed, and the part is still open: the caller fails it too.</returns>
    public bool TryReturnPart(BatchSlice slice)
    {
        lock (_lock)
        {
            if (_isClosed) return false;
            _openParts--;
            _returned.Push((slice.FirstRow, slice.Rows));
            return true;
        }
    }

    /// <summary>Copies a part's output rows to their place.</summary>
    /// <returns>False when they do not fit together with the others; the caller then fails the part.</returns>
    public bool TryPlace(BatchSlice slice, BatchOutput output, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        for (int i = 0; i < _blocks.Length; i++)
        {
            OutputTensor rows = output.Rows(i, slice.BatchRow, slice.Rows);
            int rowBytes = rows.ByteLength / slice.Rows;
            MemoryBlock? block;
            lock (_lock)
            {
                if (_isClosed) return true;
                if (!TryMakeRoom(i, rows, rowBytes, isString: output.RowOffsets[i] is not null, out problem)) return false;
                block = _blocks[i]!;
            }

            // Outside of the lock: parts do not overlap, and the blocks stay as long as this part is open.
            rows.Bytes.CopyTo(block.Span.Slice(slice.FirstRow * rowBytes, rows.ByteLength));
        }

        return true;
    }

    /// <summary>A part is done, with so many rows of the answer; none where it failed.</summary>
    /// <returns>True when the request is finished: the caller releases it.</returns>
    public bool ClosePart(int rows)
    {
        lock (_lock)
        {
            _openParts--;
            _rowsDone += rows;
            return FinishUnderLock();
        }
    }

    /// <summary>A part's batch failed: none comes back from now on. The part is still to be closed, with no rows.</summary>
    public void Fail(RequestOutcome outcome, StatusCode status, string error)
    {
        lock (_lock) FailUnderLock(outcome, status, error);
    }

    /// <summary>The rows that still waited have been taken out of the queue: the request ends when its open parts do.</summary>
    /// <returns>As for <see cref="ClosePart"/>.</returns>
    public bool Abandon(RequestOutcome outcome, StatusCode status, string error)
    {
        lock (_lock)
        {
            FailUnderLock(outcome, status, error);
            return FinishUnderLock();
        }
    }

    void IOutputLease.AddReference() => throw new NotSupportedException("A split request's outputs have one reader, the request.");

    void IOutputLease.Release() => ReleaseBlocks();

    private void FailUnderLock(RequestOutcome outcome, StatusCode status, string error)
    {
        if (_isClosed) return;
        _isClosed = true;
        (_outcome, _status, _error) = (outcome, status, error);
    }

    private bool FinishUnderLock()
    {
        if (_isFinished || _openParts > 0 || (!_isClosed && _rowsDone < request.Rows)) return false;
        _isFinished = true;
        if (_isClosed)
        {
            ReleaseBlocks();
            request.SetError(_outcome, _status, _error);
        }
        else
        {
            request.SetOutputs(this);
        }

        return true;
    }

    private unsafe bool TryMakeRoom(int index, in OutputTensor rows, int rowBytes, bool isString, [NotNullWhen(false)] out string? problem)
    {
        TensorShape shape = rows.Shape;
        shape[0] = request.Rows;
        if (isString)
        {
            problem = "the rows of a string output cannot be put together again from several batches; send fewer rows in a request";
            return false;
        }

        if (_blocks[index] is null)
        {
            if (!pool.TryRent((long)rowBytes * request.Rows, BlockOwner.ResponseTensors, out MemoryBlock? block))
            {
                problem = "there is no memory left for the outputs";
                return false;
            }

            _blocks[index] = block;
            request.OutputSlots[index] = new OutputTensor { DataType = rows.DataType, Shape = shape, Address = block.Address, ByteLength = rowBytes * request.Rows };
        }
        else if (request.OutputSlots[index].Shape != shape)
        {
            problem = "its rows were run in several batches, and the model gave outputs of different shapes for them";
            return false;
        }

        problem = null;
        return true;
    }

    private void ReleaseBlocks()
    {
        foreach (ref MemoryBlock? block in _blocks.AsSpan())
        {
            block?.Release();
            block = null;
        }
    }
}
