using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Gateway.Core.Memory;
using Gateway.Core.Requests;
using Gateway.Protocol;

namespace Gateway.Server.OpenInference;

/// <summary>Takes an infer request's body off its pipe as it arrives: the JSON part, then the binary tensors.</summary>
/// <remarks>
/// <b>Behaviour</b>: a JSON part that lies in one piece is read where it lies, another is collected in a block first; binary tensors go from the pipe to
/// their place in the request's block, copied once. <b>Ownership</b>: what it rents hangs on the exchange. <b>Cost</b>: no allocation in steady state.
/// </remarks>
internal static class InferBody
{
    // A page: what a body of unknown length is likely to fit in.
    private const int FirstBlockBytes = 4096;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask ReadAsync(InferExchange exchange)
    {
        bool hasHead = false;
        while (!hasHead) hasHead = TakeHead(exchange, await exchange.Body.ReadAsync().ConfigureAwait(false));

        // Where the length of the body is known, it has been compared with what the JSON part asks for.
        if (exchange.BodyLength >= 0 && exchange.BlobCount == 0) return;
        bool isComplete = false;
        while (!isComplete) isComplete = TakeBlobs(exchange, await exchange.Body.ReadAsync().ConfigureAwait(false));
    }

    private static bool TakeHead(InferExchange exchange, ReadResult result)
    {
        ReadOnlySequence<byte> buffer = result.Buffer;
        SequencePosition consumed = buffer.Start;
        try
        {
            if (exchange.Head is null && exchange.HeadLength >= 0 && buffer.FirstSpan.Length >= exchange.HeadLength)
            {
                consumed = buffer.GetPosition(exchange.HeadLength);
                exchange.BodyRead = exchange.HeadLength;
                ReadHead(exchange, buffer.FirstSpan[..(int)exchange.HeadLength]);
                return true;
            }

            ReadOnlySequence<byte> part = exchange.HeadLength < 0 ? buffer : buffer.Slice(0, Math.Min(buffer.Length, exchange.HeadLength - exchange.HeadCollected));
            consumed = part.End;
            exchange.BodyRead += part.Length;
            if (exchange.BodyRead > exchange.Limit) throw TooLarge(exchange);
            Collect(exchange, part);
            if (exchange.HeadLength < 0 ? !result.IsCompleted : exchange.HeadCollected < exchange.HeadLength)
            {
                if (!result.IsCompleted) return false;
                throw Errors.Invalid($"unexpected size for request JSON, expecting {exchange.HeadLength - exchange.HeadCollected} more bytes");
            }

            ReadHead(exchange, exchange.HeadCollected == 0 ? default : exchange.Head!.Span[..exchange.HeadCollected]);
            exchange.ReleaseHead();
            return true;
        }
        finally
        {
            exchange.Body.AdvanceTo(consumed);
        }
    }

    private static void Collect(InferExchange exchange, ReadOnlySequence<byte> part)
    {
        long needed = exchange.HeadCollected + part.Length;
        if (exchange.Head is not { } head || head.Capacity < needed)
        {
            // A known length is rented as it arrives; an unknown one grows by doubling, so that each byte is moved once more on average.
            long wanted = exchange.HeadLength >= 0 ? exchange.Pool.Afford(needed, exchange.HeadLength) : Math.Max(needed, 2L * (exchange.Head?.Capacity ?? (FirstBlockBytes / 2)));
            if (!exchange.Pool.TryRent(wanted, BlockOwner.Body, out MemoryBlock? larger)) throw Errors.NoMemory();
            exchange.Head?.Span[..exchange.HeadCollected].CopyTo(larger.Span);
            exchange.Request!.CopiedBytes += exchange.HeadCollected;
            exchange.ReleaseHead();
            exchange.Head = larger;
        }

        part.CopyTo(exchange.Head!.Span[exchange.HeadCollected..]);
        exchange.Request!.CopiedBytes += part.Length;
        exchange.HeadCollected = (int)needed;
    }

    private static void ReadHead(InferExchange exchange, ReadOnlySpan<byte> json)
    {
        KnownHead.Read(json, exchange);
        PlaceBlobs(exchange);
    }

    /// <summary>Finds a place for the tensors that are to follow, once it is clear that they can.</summary>
    private static void PlaceBlobs(InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        long total = 0;
        foreach (ref readonly Blob blob in exchange.Blobs) total += blob.Length;
        if (exchange.BodyLength >= 0)
        {
            long left = exchange.BodyLength - exchange.HeadLength;
            foreach (ref readonly Blob blob in exchange.Blobs)
            {
                if (left < blob.Length) throw TooShort(request, blob, blob.Length - left);
                left -= blob.Length;
            }

            if (left > 0) throw Additional(request);
        }
        else if (exchange.BodyRead + total > exchange.Limit)
        {
            throw Errors.BodyTooLarge(exchange.BodyRead + total, exchange.Limit);
        }

        // One after the other, so that each begins on its own boundary in one block.
        foreach (ref Blob blob in exchange.Blobs)
        {
            blob.Offset = exchange.Announce(blob.Length);
            request.Inputs[blob.Input].Offset = blob.Offset;
        }
    }

    /// <returns>True when the body has ended, or is known to end here.</returns>
    private static bool TakeBlobs(InferExchange exchange, ReadResult result)
    {
        ReadOnlySequence<byte> buffer = result.Buffer;
        try
        {
            foreach (ReadOnlyMemory<byte> segment in buffer) TakeSegment(exchange, segment.Span);
            bool hasAll = exchange.CurrentBlob == exchange.BlobCount;
            if (hasAll && exchange.BodyLength >= 0) return true;
            if (!result.IsCompleted) return false;

            // Tensors of no bytes are complete before their turn comes.
            TakeSegment(exchange, default);
            if (exchange.CurrentBlob == exchange.BlobCount) return true;
            ref Blob blob = ref exchange.Blobs[exchange.CurrentBlob];
            throw TooShort(exchange.Request!, blob, blob.Length - exchange.CurrentBlobRead);
        }
        finally
        {
            exchange.Body.AdvanceTo(buffer.End);
        }
    }

    private static void TakeSegment(InferExchange exchange, ReadOnlySpan<byte> segment)
    {
        while (exchange.CurrentBlob < exchange.BlobCount)
        {
            ref Blob blob = ref exchange.Blobs[exchange.CurrentBlob];
            int part = Math.Min(segment.Length, blob.Length - exchange.CurrentBlobRead);
            if (part > 0)
            {
                int offset = blob.Offset + exchange.CurrentBlobRead;
                exchange.MakeRoom(offset + part, exchange.TensorBytes);
                segment[..part].CopyTo(exchange.Request!.Block!.Span[offset..]);
                exchange.Request.CopiedBytes += part;
            }

            segment = segment[part..];
            exchange.CurrentBlobRead += part;
            if (exchange.CurrentBlobRead < blob.Length) return;
            exchange.CurrentBlob++;
            exchange.CurrentBlobRead = 0;
        }

        if (segment.Length > 0) throw Additional(exchange.Request!);
    }

    private static InferenceException TooLarge(InferExchange exchange)
    {
        if (exchange.IsDecompressed) return Errors.DecompressedTooLarge(exchange.Limit);
        return Errors.JsonTooLarge(exchange.BodyRead, exchange.Limit);
    }

    private static InferenceException TooShort(InferenceRequest request, in Blob blob, long missing) =>
        Errors.Invalid($"unexpected size for input '{request.Model.Inputs[blob.Input].Name}', expecting {missing} additional bytes for model '{request.Model.Name}'");

    private static InferenceException Additional(InferenceRequest request) =>
        Errors.Invalid($"unexpected additional input data for model '{request.Model.Name}'");
}
