using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Requests;

namespace Gateway.Server.OpenInference;

/// <summary>A JSON part that a model's clients send again and again before their binary tensors, taken apart once, and the one that answers it.</summary>
/// <remarks>
/// <b>Behaviour</b>: one a model, made when the same JSON part has come <see cref="Enough"/> times in a row, so that clients with different ones do not have it made
/// anew all the time. Only what has neither tensors in it nor an id, and asks for binary outputs alone. <b>Threading</b>: any; what is published is never changed.
/// <b>Cost</b>: a comparison of a hundred bytes instead of reading them, and a copy instead of writing as many.
/// </remarks>
internal sealed class KnownHead
{
    // Answers with a dozen tensors have less.
    private const int MostBytes = 1024;
    private const int Enough = 8;

    private static readonly ConditionalWeakTable<ServedModel, Slot> Slots = [];

    private readonly byte[] _json;
    private readonly InputTensor[] _inputs;
    private readonly Blob[] _blobs;
    private readonly OutputPlan[] _outputs;
    private readonly long _timeout;
    private readonly int _priority;
    private readonly CacheUse _cacheUse;
    private KnownAnswer? _answer;

    private KnownHead(ReadOnlySpan<byte> json, InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        _json = json.ToArray();
        _inputs = request.Inputs.ToArray();
        _blobs = exchange.Blobs.ToArray();
        _outputs = exchange.Outputs.ToArray();
        _timeout = request.TimeoutMicroseconds;
        _priority = request.Priority;
        _cacheUse = request.CacheUse;
    }

    /// <summary>Reads a JSON part, or recognises it.</summary>
    public static void Read(ReadOnlySpan<byte> json, InferExchange exchange)
    {
        Slot slot = Slots.GetOrCreateValue(exchange.Request!.Model);
        if (slot.Known is { } known && json.SequenceEqual(known._json))
        {
            known.Apply(exchange);
            return;
        }

        InferRequestReader.Read(json, exchange);
        if (json.Length <= MostBytes && CanBeKnown(exchange) && slot.HasSeenEnough(json)) slot.Known = new KnownHead(json, exchange);
    }

    /// <summary>Writes the JSON part of the answer.</summary>
    public void WriteAnswer(InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        if (_answer is { } answer && answer.Fits(request))
        {
            exchange.Text.Write(answer.Text);
            return;
        }

        InferResponseWriter.WriteHead(exchange);
        if (_answer is null && exchange.Text.Length <= MostBytes) _answer = new KnownAnswer(request, exchange.Text.Written.ToArray());
    }

    private static bool CanBeKnown(InferExchange exchange)
    {
        if (exchange.Request!.Id.Length > 0 || exchange.Request.Explains || exchange.TensorBytes > 0) return false;
        foreach (ref readonly OutputPlan plan in exchange.Outputs)
        {
            if (!plan.IsBinary || plan.Classes > 0 || plan.Shared.IsSome) return false;
        }

        // Each input is a blob: one without bytes in the JSON part is not.
        return exchange.BlobCount == exchange.Request.Inputs.Length;
    }

    private void Apply(InferExchange exchange)
    {
        InferenceRequest request = exchange.Request!;
        request.LimitTime(_timeout);
        request.Priority = _priority;
        request.CacheUse = _cacheUse;
        _inputs.CopyTo(request.Inputs);
        foreach (Blob blob in _blobs) exchange.AddBlob(blob.Input, blob.Length);
        foreach (OutputPlan plan in _outputs) exchange.AddOutput(plan.Index, plan.IsBinary);
        exchange.Known = this;
    }

    private sealed class Slot
    {
        private int _hash;
        private int _seen;

        public KnownHead? Known { get; set; }

        /// <summary>Counts how often the same came in a row; calls at once may miscount, which does no harm.</summary>
        public bool HasSeenEnough(ReadOnlySpan<byte> json)
        {
            int hash = HashCode.Combine(json.Length, string.GetHashCode(MemoryMarshal.Cast<byte, char>(json)));
            if (hash == _hash) return ++_seen >= Enough;
            _hash = hash;
            _seen = 1;
            return false;
        }
    }
}
