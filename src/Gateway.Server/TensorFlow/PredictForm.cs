namespace Gateway.Server.TensorFlow;

/// <summary>How a predict call has its tensors, and wants them.</summary>
internal enum PredictForm
{
    /// <summary><c>instances</c>, answered with <c>predictions</c>: an element for each row.</summary>
    Rows,

    /// <summary><c>inputs</c>, answered with <c>outputs</c>: whole tensors.</summary>
    Columns,
}
