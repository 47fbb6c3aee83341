using Gateway.Client.Endpoints;
using Gateway.Client.Messages;
using Gateway.Protocol;

namespace Gateway.Client.Calls;

/// <summary>Makes failures of error answers.</summary>
internal static class Failures
{
    /// <summary>Reads an error answer and gives its buffer back.</summary>
    public static CallFailure Take(in Answer answer, Endpoint? where)
    {
        InferenceException error = AnswerReader.ReadError(answer.Body);
        answer.Return();
        return Of(error, where);
    }

    public static CallFailure Of(InferenceException error, Endpoint? where) =>
        new(error.Status is StatusCode.Unavailable or StatusCode.ResourceExhausted ? FailureKind.Refused : FailureKind.Final, error) { Where = where, RetryAfter = error.RetryAfter };
}
