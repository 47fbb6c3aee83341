namespace Gateway.OnnxRuntime.Sessions;

/// <summary>A node of a loaded model, and who runs it.</summary>
/// <param name="Provider">ONNX Runtime's own name of the provider, such as <c>CPUExecutionProvider</c>.</param>
/// <param name="Name">The node's name; empty where the model gives it none.</param>
/// <param name="OperatorType">Such as <c>Conv</c>.</param>
public sealed record OrtAssignedNode(string Provider, string Name, string OperatorType)
{
    public const string CpuProvider = "CPUExecutionProvider";

    public bool IsOnCpu => Provider == CpuProvider;
}
