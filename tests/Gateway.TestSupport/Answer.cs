using System.Runtime.InteropServices;
using Gateway.Core.Requests;
using Gateway.Protocol;
using Gateway.Protocol.Tensors;

namespace Gateway.TestSupport;

/// <summary>A copy of what a request was answered with; the request itself has gone back to its model.</summary>
public sealed record Answer(
    StatusCode Status, string? Error, RequestOutcome Outcome, TensorShape Shape, IReadOnlyList<long> Values, StageTimes Times)
{
    internal static Answer Of(InferenceRequest request)
    {
        bool isOk = request.Status == StatusCode.Ok;
        TensorShape shape = isOk ? request.Outputs[0].Shape : default;
        long[] values = isOk && request.Outputs[0].DataType == DataType.Int64 ? MemoryMarshal.Cast<byte, long>(request.Outputs[0].Bytes).ToArray() : [];
        return new Answer(request.Status, request.Error, request.Outcome, shape, values, request.Times);
    }
}
