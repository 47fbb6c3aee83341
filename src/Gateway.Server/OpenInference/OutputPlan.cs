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
}
