using System.Text;
using Gateway.Core.Features.Configuration;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.Core.Features.Lookups;

/// <summary>Puts rows of feature views in the place of the keys that a request brought; used again with its request.</summary>
/// <remarks>
/// <b>Behaviour</b>: before the request is checked against its model, so that all that follows (the cache's key, the batch, a model elsewhere) sees ordinary tensors. Rows go from the view's log to the request's block,
/// copied once; what the request brought besides is copied there too. One that waits for a disk is given up when its deadline has come, or when the disk has answered nobody for seconds: it is answered then, and what it
/// lent the disk stays until that has. <b>Threading</b>: one request; it may go on on another thread. <b>Ownership</b>: of the request until it is handed on.
/// </remarks>
internal sealed class FeatureFill(InferenceRequest request) : IRowsReceiver, IRowsWaiter
{
    // Tensors begin on a cache line, as those that protocols read do.
    private const int Alignment = 64;

    // A row of longer keys names itself by its place.
    private const int MostShownKey = 64;

    private readonly FeatureLookup _lookup = new();
    private readonly TensorShape[] _shapes = new TensorShape[request.Model.Inputs.Count];
    private readonly int[] _offsets = new int[request.Model.Inputs.Count];
    private MemoryBlock? _block;
    private MemoryBlock? _keys;
    private int _input;
    private long _start;
    private long _lastTicket;
    private long _ticket;

    /// <summary>Whether a request names a view.</summary>
    public static bool IsNeeded(InferenceRequest request)
    {
        if (request.Model.Features is null) return false;
        foreach (ref readonly InputTensor input in request.Inputs)
        {
            if (input.View is not null) return true;
        }

        return false;
    }

    /// <summary>Begins.</summary>
    /// <returns>True when the rows are there; false when the request goes on by itself once they are, or fails.</returns>
    /// <exception cref="InferenceException">It cannot be filled; it stays the caller's.</exception>
    public bool Begin()
    {
        _start = request.Model.Batcher.Time.GetTimestamp();
        try
        {
            Plan();
            _input = -1;
            if (!GoOn()) return false;
            Finish();
            return true;
        }
        catch
        {
            Drop();
            throw;
        }
    }

    public bool IsWaiting(long ticket) => Volatile.Read(ref _ticket) == ticket;

    /// <summary>Answers the request without its rows, unless they have come after all.</summary>
    public void GiveUp(long ticket)
    {
        if (Interlocked.CompareExchange(ref _ticket, 0, ticket) != ticket) return;

        // The disk still writes where its rows were to go: block and keys stay, as does this, and the request gets another one for its next use.
        request.Fill = null;
        FeatureView view = request.Inputs[_input].View!;
        view.Suspect();
        bool isOverdue = request.Model.Batcher.DueOf(request, _start) <= request.Model.Batcher.Time.GetTimestamp();
        string text = isOverdue ? Refusals.TimeoutExpired : $"the disk of feature view '{view.Name}' does not answer";
        ServedModel.Abandon(request, new InferenceException(StatusCode.Unavailable, Refusals.For(request, text)));
    }

    void IRowsReceiver.OnLookedUp()
    {
        if (Interlocked.CompareExchange(ref _ticket, 0, _lastTicket) != _lastTicket)
        {
            Drop();
            return;
        }

        try
        {
            CheckRows();
            if (!GoOn()) return;
            Finish();

            // Its time goes on meanwhile, whoever gives it.
            request.Waited += request.Model.Batcher.Time.GetTimestamp() - _start;
        }
        catch (InferenceException error)
        {
            Drop();
            ServedModel.Abandon(request, error);
            return;
        }

        request.Model.Resume(request);
    }

    /// <summary>Works out where everything goes, and finds room for it.</summary>
    private void Plan()
    {
        long total = 0;
        long rows = 0;
        long mostRows = request.Model.Features!.MostRowBytes;
        for (int i = 0; i < request.Inputs.Length; i++)
        {
            ref readonly InputTensor input = ref request.Inputs[i];
            total = (total + Alignment - 1) & -Alignment;
            _offsets[i] = (int)Math.Min(total, int.MaxValue);
            long bytes = input.View is { } view ? Shape(view, input, i) : input.ByteLength;
            total += bytes;
            if (input.View is not null) rows += bytes;
            if (rows > mostRows) throw Invalid($"the rows of the request's keys have {rows} bytes, which exceeds the maximum allowed input size of {mostRows} bytes. Use --http-max-input-size to increase the limit.");
            if (total > int.MaxValue) throw NoMemory();
        }

        if (!request.Model.Features.Pool.TryRent(total, BlockOwner.RequestTensors, out _block)) throw NoMemory();
        for (int i = 0; i < request.Inputs.Length; i++)
        {
            ref readonly InputTensor input = ref request.Inputs[i];
            if (input.View is not null || input.ByteLength == 0) continue;
            input.Bytes(request.Block).CopyTo(_block.Span[_offsets[i]..]);
            request.CopiedBytes += input.ByteLength;
        }
    }

    /// <summary>Checks keys against their view, and rows against the model.</summary>
    /// <returns>Bytes of the rows.</returns>
    private long Shape(FeatureView view, in InputTensor keys, int index)
    {
        TensorSpec spec = request.Model.Inputs[index];
        view.CheckReady();
        FeatureViewConfig config = view.Config;
        if (keys.DataType != config.KeyType) throw Invalid($"inference input '{spec.Name}' data-type is '{keys.DataType.WireName()}', but feature view '{view.Name}' has keys of '{config.KeyType.WireName()}'");
        if (config.DataType != spec.DataType) throw Invalid($"feature view '{view.Name}' has rows of '{config.DataType.WireName()}', but model '{request.Model.Name}' expects '{spec.DataType.WireName()}' for input '{spec.Name}'");
        if (!keys.Shape.TryCountElements(out long count)) throw Invalid($"input '{spec.Name}' has an invalid shape of keys, {keys.Shape}");
        long expected = config.KeyType == DataType.Int64 && count <= int.MaxValue ? count * sizeof(long) : -1;
        if (config.KeyType == DataType.Int64 && keys.ByteLength != expected) throw Invalid($"input byte size mismatch for input '{spec.Name}' for model '{request.Model.Name}'. Expected {expected}, got {keys.ByteLength}");
        if (config.KeyType == DataType.Bytes) RawStrings.Check(request, spec, keys, count);

        // A shape of keys may end with a dimension of one, as that of any other input of one element a row.
        int expectedRank = (request.Model.Layout.IsBatching ? 1 : 0) + spec.ClientDims.Rank;
        ReadOnlySpan<long> outer = keys.Shape.Dims;
        if (outer.Length + config.Row.Rank == expectedRank + 1 && outer.Length > 0 && outer[^1] == 1) outer = outer[..^1];
        TensorShape shape = new(outer);
        foreach (long dimension in config.Row.Dims)
        {
            if (!shape.TryAdd(dimension)) throw DoesNotFit(view, keys, spec);
        }

        if (!RequestValidation.HasShapeOf(request.Model.Layout, spec, shape)) throw DoesNotFit(view, keys, spec);
        _shapes[index] = shape;
        return count <= int.MaxValue ? count * config.RowBytes : throw NoMemory();
    }

    /// <summary>Looks up the rows of one input after the other.</summary>
    /// <returns>True when all are there.</returns>
    private unsafe bool GoOn()
    {
        while (++_input < request.Inputs.Length)
        {
            ref readonly InputTensor keys = ref request.Inputs[_input];
            if (keys.View is not { } view || !keys.Shape.TryCountElements(out long count) || count == 0) continue;
            byte* rows = _block!.Address + _offsets[_input];

            // Before they are looked up: a row that is there takes its place.
            if (view.Config.Missing == MissingKey.Default) FillWith(view.Config.Default, new Span<byte>(rows, (int)count * view.Config.RowBytes));
            if (!LookUp(view, request.Block!.Address + keys.Offset, rows, (int)count)) return false;
            CheckRows();
        }

        return true;
    }

    private unsafe bool LookUp(FeatureView view, byte* keys, byte* rows, int count)
    {
        // All before it begins: it may end, and the request with it, before the call returns.
        long ticket = ++_lastTicket;
        DynamicBatcher batcher = request.Model.Batcher;
        FillTimes times = request.Model.Features!.Times;
        long deadline = batcher.DueOf(request, _start);
        if (_keys is null)
        {
            _keys = request.Block;
            _keys!.AddReference();
        }

        Volatile.Write(ref _ticket, ticket);
        if (_lookup.Begin(view, keys, rows, count, found: null, this)) return true;
        times.Watch(this, ticket, view, deadline);
        return false;
    }

    private static void FillWith(ReadOnlySpan<byte> row, Span<byte> rows)
    {
        if (!row.ContainsAnyExcept((byte)0)) rows.Clear();
        else for (; rows.Length > 0; rows = rows[row.Length..]) row.CopyTo(rows);
    }

    private void CheckRows()
    {
        ref readonly InputTensor keys = ref request.Inputs[_input];
        FeatureView view = keys.View!;
        if (_lookup.IsUnreadable) throw InRequest(StatusCode.Unavailable, $"feature view '{view.Name}' has rows that cannot be read");
        if (_lookup.FirstMissing < 0 || view.Config.Missing == MissingKey.Default) return;
        throw InRequest(StatusCode.NotFound, $"feature view '{view.Name}' has no row for key {KeyText(keys, _lookup.FirstMissing)} (element {_lookup.FirstMissing} of input '{request.Model.Inputs[_input].Name}')");
    }

    private string KeyText(in InputTensor keys, int index)
    {
        ReadOnlySpan<byte> raw = keys.Bytes(request.Block);
        if (keys.DataType == DataType.Int64) return BitConverter.ToInt64(raw[(index * sizeof(long))..]).ToString(System.Globalization.CultureInfo.InvariantCulture);
        raw = raw[RawStrings.Skip(raw, index)..];
        return !RawStrings.TryRead(ref raw, out ReadOnlySpan<byte> key) ? "" : key.Length > MostShownKey ? $"of {key.Length} bytes" : $"'{Encoding.UTF8.GetString(key)}'";
    }

    /// <summary>Puts the rows in the keys' place.</summary>
    private void Finish()
    {
        for (int i = 0; i < request.Inputs.Length; i++)
        {
            ref InputTensor input = ref request.Inputs[i];
            if (input.View is { } view)
            {
                input.DataType = view.Config.DataType;
                input.Shape = _shapes[i];
                input.View = null;
                input.ByteLength = _shapes[i].TryCountElements(out long elements) ? (int)(elements * input.DataType.Size()) : 0;
                request.CopiedBytes += input.ByteLength;
            }

            input.Offset = _offsets[i];
        }

        request.Block?.Release();
        request.Block = _block;
        _block = null;
        _keys?.Release();
        _keys = null;
    }

    private void Drop()
    {
        _block?.Release();
        _block = null;
        _keys?.Release();
        _keys = null;
    }

    private InferenceException DoesNotFit(FeatureView view, in InputTensor keys, TensorSpec spec) =>
        Invalid($"feature view '{view.Name}' has rows of shape {view.Config.Row}, which with keys of shape {keys.Shape} do not fit input '{spec.Name}' of model '{request.Model.Name}', of shape {RequestValidation.Expected(request.Model.Layout, spec)}");

    private InferenceException Invalid(string text) => InRequest(StatusCode.InvalidArgument, text);

    private InferenceException InRequest(StatusCode status, string text) => new(status, RequestValidation.InRequest(request, text));

    private static InferenceException NoMemory() => new(StatusCode.Unavailable, "there is no memory left for the request: the memory pool is at its ceiling");
}
