using System.Buffers;
using Gateway.Core.Caching;
using Gateway.Core.Models;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.MessagePack;

/// <summary>The answer that a connection gave last, without the bytes of its tensors: the next is the same, most of the time.</summary>
/// <remarks><b>Threading</b>: one thread. <b>Cost</b>: a comparison of shapes instead of some fifteen values to write; an allocation when the answers change.</remarks>
internal sealed class AnswerTemplate
{
    // Larger answers cost what copying them costs.
    private const int MostBytes = 4096;

    private readonly ArrayBufferWriter<byte> _text = new();
    private ServedModel? _model;
    private ServedModel? _candidate;
    private CacheOutcome _outcome;
    private TensorShape[] _shapes = [];

    // Where in the text each output's bytes go, and how many.
    private (int At, int Bytes)[] _tensors = [];

    /// <summary>Bytes of an answer.</summary>
    public int Bytes { get; private set; }

    /// <summary>Whether the answer of this request is the template's, or can be made the template's.</summary>
    public bool Fits(InferenceRequest request, List<int> wanted)
    {
        // Of those from the cache each has an age of its own, and of those that explain themselves each its times.
        if (wanted.Count > 0 || request.Id.Length > 0 || request.Explains || request.CacheOutcome == CacheOutcome.Hit) return false;
        if (ReferenceEquals(_model, request.Model) && _outcome == request.CacheOutcome && HasShapes(request)) return true;

        // Only what comes twice is worth it: two models in turn would have it made anew for each answer.
        bool isSecond = ReferenceEquals(_candidate, request.Model);
        _candidate = request.Model;
        return isSecond && TryMake(request, wanted);
    }

    /// <summary>Writes the answer.</summary>
    /// <param name="to">At least <see cref="Bytes"/>.</param>
    public void Write(Span<byte> to, InferenceRequest request)
    {
        ReadOnlySpan<byte> text = _text.WrittenSpan;
        int from = 0;
        for (int i = 0; i < _tensors.Length; i++)
        {
            int length = _tensors[i].At - from;
            text.Slice(from, length).CopyTo(to);
            request.Outputs[i].Bytes.CopyTo(to[length..]);
            to = to[(length + _tensors[i].Bytes)..];
            from = _tensors[i].At;
        }
    }

    private bool HasShapes(InferenceRequest request)
    {
        ReadOnlySpan<OutputTensor> outputs = request.Outputs;
        for (int i = 0; i < outputs.Length; i++)
        {
            if (outputs[i].ByteLength != _tensors[i].Bytes || outputs[i].Shape != _shapes[i]) return false;
        }

        return true;
    }

    private bool TryMake(InferenceRequest request, List<int> wanted)
    {
        long bytes = InferAnswer.Bytes(request, wanted);
        if (bytes > MostBytes) return false;
        Bytes = (int)bytes;
        _model = request.Model;
        _outcome = request.CacheOutcome;
        _shapes = new TensorShape[request.Outputs.Length];
        _tensors = new (int, int)[request.Outputs.Length];
        _text.ResetWrittenCount();
        InferAnswer.WriteHead(_text, request, _shapes.Length);
        for (int i = 0; i < _shapes.Length; i++)
        {
            ref readonly OutputTensor output = ref request.Outputs[i];
            InferAnswer.WriteOutputHead(_text, request.Model.Outputs[i], output);
            _shapes[i] = output.Shape;
            _tensors[i] = (_text.WrittenCount, output.ByteLength);
        }

        return true;
    }
}
