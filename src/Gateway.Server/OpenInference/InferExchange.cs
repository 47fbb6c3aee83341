using System.IO.Pipelines;
using Gateway.Core.Caching;
using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Microsoft.AspNetCore.Http;

namespace Gateway.Server.OpenInference;

/// <summary>What one infer call needs besides its <see cref="InferenceRequest"/>; used again for the next.</summary>
/// <remarks>
/// <b>Threading</b>: one call at a time. <b>Ownership</b>: owns the request until it is answered, the block that a scattered JSON part is collected
/// in, and the text of the answer; <see cref="Clear"/> gives back all that is left.
/// </remarks>
internal sealed class InferExchange(BlockPool pool, SharedRegions regions)
{
    // Tensors begin on a cache line: wide enough for every vector instruction and for execution backends that bind them where they lie.
    public const int TensorAlignment = 64;

    private OutputPlan[] _outputs = new OutputPlan[4];
    private Blob[] _blobs = new Blob[4];
    private RequestWatch _watch;

    public BlockPool Pool { get; } = pool;

    public SharedRegions Regions => regions;

    public HttpContext Context { get; set; } = null!;

    /// <summary>The body's reader when it is decompressed; null when it is not.</summary>
    public PipeReader? Decompressed { get; set; }

    /// <summary>Where the body is read; decompressed, if need be.</summary>
    public PipeReader Body { get; set; } = null!;

    /// <summary>Most bytes of the body.</summary>
    public long Limit { get; set; }

    /// <summary>Bytes of the whole body; -1 while unknown.</summary>
    public long BodyLength { get; set; }

    /// <summary>Bytes of the JSON part; -1 when it goes to the end of a body of unknown length.</summary>
    public long HeadLength { get; set; }

    /// <summary>Whether the body went through decompression.</summary>
    public bool IsDecompressed { get; set; }

    /// <summary>Bytes read so far.</summary>
    public long BodyRead { get; set; }

    public InferenceRequest? Request { get; set; }

    /// <summary>Time that a header gives the request, from the arrival of its head, in microseconds; 0 for none.</summary>
    public long TimeoutMicroseconds { get; set; }

    /// <summary>When its head was there; a timestamp of the engine's clock.</summary>
    public long Arrival { get; set; }

    /// <summary>What headers say of the cache.</summary>
    public CacheUse CacheUse { get; set; }

    /// <summary>A JSON part that did not lie in one piece, while it is collected.</summary>
    public MemoryBlock? Head { get; set; }

    public int HeadCollected { get; set; }

    /// <summary>Bytes of the request's block that tensors lie in.</summary>
    public int TensorBytes { get; set; }

    public int OutputCount { get; private set; }

    public Span<OutputPlan> Outputs => _outputs.AsSpan(0, OutputCount);

    public int BlobCount { get; private set; }

    public Span<Blob> Blobs => _blobs.AsSpan(0, BlobCount);

    /// <summary>The blob that is being read, and how much of it has been.</summary>
    public int CurrentBlob { get; set; }

    public int CurrentBlobRead { get; set; }

    /// <summary>The JSON part of the request, when it was one that comes again and again.</summary>
    public KnownHead? Known { get; set; }

    /// <summary>The JSON part of the answer.</summary>
    public TextBuffer Text { get; } = new(pool);

    /// <summary>The whole answer, when it is to be compressed.</summary>
    public TextBuffer CompressedText { get; } = new(pool);

    /// <summary>Class strings in the raw form, all outputs one after the other.</summary>
    public TextBuffer ClassText { get; } = new(pool);

    public ref OutputPlan AddOutput(int index, bool isBinary)
    {
        if (OutputCount == _outputs.Length) Array.Resize(ref _outputs, 2 * _outputs.Length);
        ref OutputPlan plan = ref _outputs[OutputCount++];
        plan = new OutputPlan { Index = index, IsBinary = isBinary };
        return ref plan;
    }

    public void AddBlob(int input, int length)
    {
        if (BlobCount == _blobs.Length) Array.Resize(ref _blobs, 2 * _blobs.Length);
        _blobs[BlobCount++] = new Blob { Input = input, Length = length };
    }

    /// <summary>Sets bytes aside for a tensor in the request's block.</summary>
    /// <param name="expected">Bytes of all tensors together, when that can be told, so that the block need not grow.</param>
    /// <returns>Where they begin.</returns>
    public int Reserve(long bytes, long expected = 0)
    {
        int offset = Announce(bytes);
        MakeRoom(TensorBytes, Math.Max(TensorBytes, expected));
        return offset;
    }

    /// <summary>Sets bytes aside for a tensor that is still to arrive; <see cref="MakeRoom"/> rents them as it does.</summary>
    /// <returns>Where they begin.</returns>
    public int Announce(long bytes)
    {
        int offset = (TensorBytes + TensorAlignment - 1) & -TensorAlignment;
        if (bytes > int.MaxValue - offset) throw Errors.NoMemory();
        TensorBytes = offset + (int)bytes;
        return offset;
    }

    /// <summary>Makes the request's block reach to <paramref name="end"/>.</summary>
    /// <param name="total">Where it will end at last, as far as that is known; at least <paramref name="end"/>.</param>
    public void MakeRoom(long end, long total)
    {
        InferenceRequest request = Request!;
        if (request.Block is { } block && block.Capacity >= end) return;
        if (!Pool.TryRent(Pool.Afford(end, total), BlockOwner.RequestTensors, out MemoryBlock? larger)) throw Errors.NoMemory();
        if (request.Block is { } smaller)
        {
            smaller.Span.CopyTo(larger.Span);
            request.CopiedBytes += smaller.Capacity;
            smaller.Release();
        }

        request.Block = larger;
    }

    /// <summary>Tells the request what headers say of it.</summary>
    /// <remarks>Not before its body is read: what is remembered of a body is for all who send the same.</remarks>
    /// <param name="time">The engine's clock.</param>
    public void ApplyHeaders(TimeProvider time)
    {
        InferenceRequest request = Request!;
        request.LimitTime(TimeoutMicroseconds);
        request.Waited = time.GetTimestamp() - Arrival;
        request.CacheUse |= CacheUse;
        request.CacheMaxAgeSeconds = CacheHeaders.ReadMaxAge(Context.Request.Headers);
        ServerTiming.Note(request, Context.Request.Headers);
    }

    /// <summary>From here to <see cref="UnwatchClient"/> the request is cancelled when its client goes away.</summary>
    public void WatchClient() => _watch = RequestWatch.Begin(Context, Request!);

    public void UnwatchClient()
    {
        _watch.End();
        _watch = default;
    }

    /// <summary>Releases the request, if it still is there, and all else that is held.</summary>
    public void Clear()
    {
        ReleaseRequest();
        ReleaseHead();
        Text.Clear();
        CompressedText.Clear();
        ClassText.Clear();
        Decompressed?.Complete();
        Decompressed = null;
        Body = null!;
        Context = null!;
        BodyRead = 0;
        TimeoutMicroseconds = 0;
        CacheUse = CacheUse.Ordinary;
        HeadCollected = 0;
        TensorBytes = 0;
        OutputPlan.Release(Outputs);
        OutputCount = 0;
        BlobCount = 0;
        CurrentBlob = 0;
        CurrentBlobRead = 0;
        IsDecompressed = false;
        Known = null;
    }

    public void ReleaseRequest()
    {
        Request?.Dispose();
        Request = null;
    }

    public void ReleaseHead()
    {
        Head?.Release();
        Head = null;
    }

    /// <summary>Which of <paramref name="tensors"/> has this name; -1 for none.</summary>
    public static int IndexOf(IReadOnlyList<TensorSpec> tensors, JsonString name)
    {
        for (int i = 0; i < tensors.Count; i++)
        {
            if (name.Is(tensors[i].Utf8Name)) return i;
        }

        return -1;
    }
}
