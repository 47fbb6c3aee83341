using Gateway.Core.Memory.Shared;
using Gateway.Core.Requests;
using Gateway.Protocol.Tensors;

namespace Gateway.Server.OpenInference;

/// <summary>One output that the answer is to have, and how.</summary>
internal struct OutputPlan
{
    /// <summary>Which of the model's outputs.</summary>
    public int Index;

    public bool IsBinary;

    /// <summary>How many of the best classes are wanted instead of the tensor; 0 for the tensor.</summary>
    public uint Classes;

    /// <summary>With <see cref="Classes"/>: shape of the class strings, once they are made.</summary>
    public TensorShape ClassShape;

    /// <summary>With <see cref="Classes"/>: where the strings begin in <see cref="InferExchange.ClassText"/>.</summary>
    public int ClassOffset;

    public int ClassLength;

    /// <summary>Where the client wants it, instead of in the answer; nowhere for most.</summary>
    public SharedRange Shared;

    /// <summary>Whether <paramref name="range"/> overlaps what another output is to have.</summary>
    public static bool Overlaps(ReadOnlySpan<OutputPlan> outputs, in SharedRange range)
    {
        foreach (ref readonly OutputPlan output in outputs)
        {
            if (output.Shared.Overlaps(range)) return true;
        }

        return false;
    }

    /// <summary>Copies the outputs of an answered request that are wanted in shared memory there.</summary>
    /// <exception cref="Protocol.InferenceException">There is no room for one; those before it have been copied.</exception>
    public static void WriteShared(ReadOnlySpan<OutputPlan> outputs, InferenceRequest request)
    {
        foreach (ref readonly OutputPlan output in outputs)
        {
            if (output.Shared.IsSome) output.Shared.Write(request.Outputs[output.Index].Bytes, request.Model.Outputs[output.Index].Name);
        }
    }

    /// <summary>The outputs' regions are not needed any more.</summary>
    public static void Release(Span<OutputPlan> outputs)
    {
        foreach (ref OutputPlan output in outputs)
        {
            output.Shared.Release();
            output.Shared = default;
        }
    }
}
