using System.Globalization;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Remote;

/// <summary>An answer's body in a block of the pool.</summary>
/// <param name="Block">Held by whoever has this; release it.</param>
/// <param name="Length">Bytes of it.</param>
/// <param name="HeadLength">Bytes of its JSON, from its beginning; the tensors follow.</param>
internal readonly record struct AnswerBody(MemoryBlock Block, int Length, int HeadLength)
{
    // An answer that does not say how long it is: heads, and the tensors of light models, are shorter.
    private const int FirstGuess = 64 << 10;

    /// <summary>Reads a body to its end.</summary>
    /// <param name="limit">The most bytes that are read, at most <see cref="int.MaxValue"/>.</param>
    /// <exception cref="UpstreamException">It is too large, or ends too early, or its head cannot be told.</exception>
    /// <exception cref="ExecutionException">There is no memory for it.</exception>
    public static async Task<AnswerBody> ReadAsync(HttpResponseMessage response, long limit, BlockPool pool, CancellationToken cancellation)
    {
        long? declared = response.Content.Headers.ContentLength;
        if (declared > limit) throw TooLarge(limit);
        MemoryBlock block = Rent(pool, Math.Max(1, declared ?? FirstGuess));
        int length = 0;
        try
        {
            Stream stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                Memory<byte> memory = new BlockMemory(block, block.Capacity).Memory;
                while (true)
                {
                    if (length == memory.Length)
                    {
                        if (length == declared) break;
                        block = Grow(pool, block, length);
                        memory = new BlockMemory(block, block.Capacity).Memory;
                    }

                    int read = await stream.ReadAsync(memory[length..], cancellation).ConfigureAwait(false);
                    if (read == 0) break;
                    length += read;
                    if (length > limit) throw TooLarge(limit);
                }
            }

            return new AnswerBody(block, length, ReadHeadLength(response, length));
        }
        catch (Exception error) when (error is IOException or HttpRequestException)
        {
            block.Release();
            throw new UpstreamException(UpstreamFailure.Truncated, $"the server that runs the model broke off within its answer, after {length} bytes", error);
        }
        catch
        {
            block.Release();
            throw;
        }
    }

    private static int ReadHeadLength(HttpResponseMessage response, int length)
    {
        if (!response.Headers.TryGetValues(InferHeaders.HeadLength, out IEnumerable<string>? values)) return length;
        string text = values.First();
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int head) && head > 0 && head <= length) return head;
        throw new UpstreamException(UpstreamFailure.Garbage, $"the server that runs the model answered with an {InferHeaders.HeadLength} that does not fit its answer of {length} bytes");
    }

    private static MemoryBlock Grow(BlockPool pool, MemoryBlock block, int length)
    {
        MemoryBlock larger = Rent(pool, 2L * length);
        block.Span[..length].CopyTo(larger.Span);
        block.Release();
        return larger;
    }

    private static MemoryBlock Rent(BlockPool pool, long bytes) =>
        pool.TryRent(bytes, BlockOwner.OutputSlab, out MemoryBlock? block) ? block : throw new ExecutionException("there is no memory left for the answer");

    private static UpstreamException TooLarge(long limit) => new(UpstreamFailure.TooLarge, $"the server that runs the model answered with more than the {limit} bytes that are read of an answer");
}
