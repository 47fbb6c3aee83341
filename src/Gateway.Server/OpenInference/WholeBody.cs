using System.Buffers;
using System.IO.Pipelines;
using Gateway.Core.Memory;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Server.OpenInference;

/// <summary>The body of a call that is read as a whole before anything is done with it: those of management, and of generate.</summary>
/// <remarks><b>Ownership</b>: disposing gives its block back. It counts against the pool's ceiling, as tensors do, so any number of callers cannot have more than that.</remarks>
internal sealed class WholeBody : IDisposable
{
    private MemoryBlock? _block;
    private int _length;

    private WholeBody()
    {
    }

    /// <summary>The same for what does not take spans; valid until this is disposed.</summary>
    public ReadOnlyMemory<byte> Memory => _block is null ? default : new BlockMemory(_block, _length).Memory;

    public ReadOnlySpan<byte> Bytes => _block is null ? default : _block.Span[.._length];

    /// <param name="limit">Most bytes.</param>
    /// <exception cref="Protocol.InferenceException">It is longer, or there is no memory for it.</exception>
    public static async Task<WholeBody> ReadAsync(HttpContext context, BlockPool pool, long limit)
    {
        // The limit is the protocol's own, with its own answer.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } most) most.MaxRequestBodySize = null;
        long announced = context.Request.ContentLength ?? 0;
        if (announced > limit) throw Errors.JsonTooLarge(announced, limit);
        WholeBody body = new();
        try
        {
            PipeReader reader = context.Request.BodyReader;
            while (true)
            {
                ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
                long length = body._length + result.Buffer.Length;
                if (length > limit) throw Errors.JsonTooLarge(length, limit);
                if (length > 0) body.Append(pool, result.Buffer, (int)length, Math.Max(length, announced));

                reader.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted) return body;
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _block?.Release();
        _block = null;
    }

    private void Append(BlockPool pool, in ReadOnlySequence<byte> buffer, int length, long total)
    {
        if (length > (_block?.Capacity ?? 0))
        {
            if (!pool.TryRent(pool.Afford(length, total), BlockOwner.RequestTensors, out MemoryBlock? larger)) throw Errors.NoMemory();
            Bytes.CopyTo(larger.Span);
            _block?.Release();
            _block = larger;
        }

        buffer.CopyTo(_block!.Span[_length..]);
        _length = length;
    }
}
