using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text;
using Gateway.Client.Calls;
using Gateway.Client.Messages;
using Gateway.Protocol;

namespace Gateway.Client;

/// <summary>The answer to an inference: tensors that lie where they were received.</summary>
/// <remarks>
/// <para><b>Threading</b>: may be read by several threads; disposing must come after.</para>
/// <para>
/// <b>Ownership</b>: holds a buffer of the shared array pool, which <see cref="Dispose"/> gives back; caller must dispose. Spans of outputs are slices of it and
/// must not be used after that. A response that is never disposed costs an allocation, not a leak.
/// </para>
/// <para><b>Cost</b>: itself and the pooled buffer; names and shapes are read when asked for.</para>
/// </remarks>
public sealed class InferenceResponse : IDisposable
{
    // As long as a TimeSpan can be.
    private const long MostAgeSeconds = long.MaxValue / TimeSpan.TicksPerSecond;

    // Models with more outputs get an array.
    private const int InPlace = 4;

    private byte[]? _buffer;
    private FirstOutputs _first;
    private OutputPlace[]? _more;
    private AnswerHead _head;

    private InferenceResponse(byte[] buffer) => _buffer = buffer;

    public string ModelName => Text(_head.ModelName);

    public string ModelVersion => Text(_head.ModelVersion);

    /// <summary>The request's; empty when it had none.</summary>
    public string Id => Text(_head.Id);

    /// <summary>What the server's response cache did: <c>hit</c>, <c>miss</c>, and so on, as the protocol has it; empty for a model without one.</summary>
    public string CacheStatus => Text(_head.Cache);

    /// <summary>What each stage took and what was predicted, in the words of the header <c>Server-Timing</c>, where the request asked for it; else empty.</summary>
    public string ServerTiming => Text(_head.Timing);

    /// <summary>How long ago the model gave an answer that comes from the cache, in whole seconds; null for one that does not.</summary>
    public TimeSpan? CacheAge => _head.CacheAge is { } age ? TimeSpan.FromSeconds(Math.Min(age, MostAgeSeconds)) : null;

    public int OutputCount => _head.Outputs;

    /// <summary>The output of that index, in the model's order, or in the order in which the request asked for them.</summary>
    public ResponseOutput this[int index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)_head.Outputs, nameof(index));
            return new ResponseOutput(this, index);
        }
    }

    /// <summary>The output of that name.</summary>
    /// <exception cref="KeyNotFoundException">There is none.</exception>
    public ResponseOutput Output(string name) => TryGetOutput(name, out ResponseOutput output) ? output : throw new KeyNotFoundException($"The answer has no output '{name}'.");

    public bool TryGetOutput(string name, out ResponseOutput output)
    {
        Span<byte> utf8 = stackalloc byte[256];
        if (!Encoding.UTF8.TryGetBytes(name, utf8, out int length)) utf8 = Encoding.UTF8.GetBytes(name);
        else utf8 = utf8[..length];
        for (int i = 0; i < _head.Outputs; i++)
        {
            if (!Bytes(Place(i).Name).SequenceEqual(utf8)) continue;
            output = new ResponseOutput(this, i);
            return true;
        }

        output = default;
        return false;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer) ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Takes an answer apart.</summary>
    /// <param name="answer">The response takes its buffer over, also when this throws.</param>
    /// <exception cref="InferenceException">It is malformed, or somebody else's.</exception>
    internal static InferenceResponse Read(in Answer answer, InferenceRequest request)
    {
        InferenceResponse response = new(answer.Buffer!);
        try
        {
            AnswerReader.Read(answer, response, out response._head);
            if (request.Id is { Length: > 0 } id && !string.Equals(response.Id, id, StringComparison.Ordinal))
            {
                throw AnswerReader.Malformed($"its id is '{response.Id}', but the request's is '{id}'");
            }

            return response;
        }
        catch
        {
            response.Dispose();
            throw;
        }
    }

    /// <summary>Makes room for as many outputs.</summary>
    internal void Reserve(int outputs)
    {
        if (outputs > InPlace) _more = new OutputPlace[outputs - InPlace];
    }

    internal ref OutputPlace Place(int index)
    {
        if (index >= InPlace) return ref _more![index - InPlace];
        return ref _first[index];
    }

    internal ReadOnlySpan<byte> Bytes(Slice slice) => slice.Of(_buffer ?? throw new ObjectDisposedException(nameof(InferenceResponse)));

    internal ReadOnlySpan<byte> BytesFrom(int start) => (_buffer ?? throw new ObjectDisposedException(nameof(InferenceResponse))).AsSpan(start);

    internal string Text(Slice slice) => Encoding.UTF8.GetString(Bytes(slice));

    [InlineArray(InPlace)]
    private struct FirstOutputs
    {
        private OutputPlace _first;
    }
}
