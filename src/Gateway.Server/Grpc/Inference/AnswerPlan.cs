using Gateway.Core.Memory;
using Gateway.Core.Memory.Shared;
using Gateway.Core.Requests;
using Gateway.Server.OpenInference;

namespace Gateway.Server.Grpc.Inference;

/// <summary>Which outputs an answer is to have, and the class strings of those that are to be ranked; used again for the next.</summary>
/// <remarks><b>Threading</b>: one at a time. <b>Ownership</b>: <see cref="Clear"/> gives the memory of the strings, and the regions, back.</remarks>
internal sealed class AnswerPlan(BlockPool pool)
{
    private readonly TextBuffer _classes = new(pool);
    private OutputPlan[] _outputs = new OutputPlan[4];
    private int _count;

    public ReadOnlySpan<OutputPlan> Outputs => _outputs.AsSpan(0, _count);

    public void Add(int index, uint classes) => Add(new OutputPlan { Index = index, IsBinary = true, Classes = classes });

    /// <summary>Adds an output that is wanted in shared memory; takes the range over on success.</summary>
    /// <returns>False when another output is to be written there.</returns>
    public bool TryAdd(int index, in SharedRange range)
    {
        if (OutputPlan.Overlaps(Outputs, range)) return false;
        Add(new OutputPlan { Index = index, Shared = range });
        return true;
    }

    public bool Has(int index)
    {
        foreach (ref readonly OutputPlan plan in Outputs)
        {
            if (plan.Index == index) return true;
        }

        return false;
    }

    /// <summary>Makes the class strings of an answered request, and copies what is wanted in shared memory there.</summary>
    /// <exception cref="Protocol.InferenceException">An output is too large to be ranked, or has no room, or there is no memory.</exception>
    public void Complete(InferenceRequest request)
    {
        foreach (ref OutputPlan plan in _outputs.AsSpan(0, _count))
        {
            if (plan.Classes > 0) Classification.Write(_classes, request.Model.Outputs[plan.Index], request.Outputs[plan.Index], request.Model.Layout.IsBatching, ref plan);
        }

        OutputPlan.WriteShared(Outputs, request);
    }

    /// <summary>The bytes of an output as the answer has them: none of one that is in shared memory.</summary>
    public ReadOnlySpan<byte> Bytes(InferenceRequest request, in OutputPlan plan) =>
        plan.Shared.IsSome ? default : plan.Classes > 0 ? _classes.Written.Slice(plan.ClassOffset, plan.ClassLength) : request.Outputs[plan.Index].Bytes;

    public void Clear()
    {
        OutputPlan.Release(_outputs.AsSpan(0, _count));
        _count = 0;
        _classes.Clear();
    }

    private void Add(in OutputPlan output)
    {
        if (_count == _outputs.Length) Array.Resize(ref _outputs, 2 * _outputs.Length);
        _outputs[_count++] = output;
    }
}
